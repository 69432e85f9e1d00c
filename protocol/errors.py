"""The one error tree. Every error says what happened, who is at fault and whether a retry can help; details are data, not prose."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Fault(StrEnum):
    """Who has to act: the caller's input, the far device, the line or network between, or our own program."""

    INPUT = "input"
    DEVICE = "device"
    LINK = "link"
    PROGRAM = "program"


class CampusError(Exception):
    """Base of every error this project raises on purpose.

    `details` carries facts as fields (device, frame_hex, waited_s, ...), so that a log line or an API answer needs no parsing.
    `code` is stable and documented; operators search for it.
    """

    code: ClassVar[str] = "campus.error"
    fault: ClassVar[Fault] = Fault.PROGRAM
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def __str__(self) -> str:
        facts = " ".join(f"{name}={value}" for name, value in self.details.items() if value is not None)
        return f"{self.message} [{facts}]" if facts else self.message


# --- wire: bytes that do not make a frame, or a frame that does not fit the question -----------------------------------


class WireError(CampusError):
    """Bytes on the line could not be used."""

    code, fault, retryable = "wire.error", Fault.LINK, True


class FrameError(WireError):
    """The frame's structure is wrong (length, end byte, header)."""

    code = "wire.frame"


class ChecksumError(WireError):
    """The frame's checksum or CRC does not match its bytes."""

    code = "wire.checksum"


class EncodeError(CampusError):
    """A value cannot be written in the wire format asked for (out of range, wrong digits)."""

    code, fault = "wire.encode", Fault.INPUT


class PayloadError(WireError):
    """A valid frame carries data that is not what its format allows (not BCD, wrong length)."""

    code, fault = "wire.payload", Fault.DEVICE


# --- device and line ---------------------------------------------------------------------------------------------------


class DeviceError(CampusError):
    """A device did not do what was asked."""

    code, fault, retryable = "device.error", Fault.DEVICE, True


class NoReply(DeviceError):
    """Nothing usable arrived before the deadline."""

    code = "device.no_reply"


class UnexpectedReply(DeviceError):
    """A valid frame arrived that answers another question or comes from another device."""

    code = "device.unexpected_reply"


class DeviceRefused(DeviceError):
    """The device answered with an error. `reason` in details is the protocol's own word; asking again does not help.

    The classes below say what to do. This one stands for words that have no class: read the device's manual. A refused write may still have
    changed something (seen in the field): read back what it meant to change.
    """

    code, retryable = "device.refused", False


class NoSuchData(DeviceRefused):
    """The device has no such item, register or function. Ask for single items instead of blocks, then leave it out for this model."""

    code = "device.no_such_data"


class ValueRefused(DeviceRefused):
    """The device does not take this value (range, length, number of time zones). Compare it with the manual, then send another."""

    code = "device.value_refused"


class WrongPassword(DeviceRefused):
    """Password, level or permission do not suffice. Correct the site's password or the profile's level; never try others, meters lock themselves."""

    code = "device.wrong_password"


class SpeedRefused(DeviceRefused):
    """The device keeps its baud rate. Go on at the old one."""

    code = "device.speed_refused"


class DeviceBusy(DeviceRefused):
    """The device understood and cannot now (busy, failed, still working). Ask the same again later."""

    code, retryable = "device.busy", True


class TargetSilent(DeviceRefused):
    """A gateway answered for a device behind it that is silent or out of reach. Treat that device as silent."""

    code, retryable = "device.target_silent", True


class AuthenticationFailed(DeviceRefused):
    """The security module does not accept identity or MAC, or the session is over. Authenticate anew; meters lock after some failures an hour."""

    code = "device.authentication_failed"


class RechargeRefused(DeviceRefused):
    """A recharge was not carried out as asked. Never send another amount or count before purchase count and last purchase were read back."""

    code = "device.recharge_refused"


class DuplicateRecharge(RechargeRefused):
    """The meter has this purchase count already. Read count and amount of the last purchase: the same amount means done, another means conflict."""

    code = "device.duplicate_recharge"


class RechargeCountWrong(RechargeRefused):
    """The purchase count is not the meter's own plus one. Read the meter's count; somebody else may have recharged."""

    code = "device.recharge_count"


class CustomerMismatch(RechargeRefused):
    """The customer number is not the one in the meter. Read 0400040E, then compare meter and room."""

    code = "device.customer_mismatch"


class HoardingLimitExceeded(RechargeRefused):
    """The meter would hold more than it may. Deliver less, keep the rest until credit has been used."""

    code = "device.hoarding_limit"


class LineError(CampusError):
    """The line itself does not work: no other device on it can be asked either."""

    code, fault, retryable = "line.error", Fault.LINK, True


class PortUnavailable(LineError):
    """The port cannot be opened or went away."""

    code = "line.port_unavailable"


class PortBusy(LineError):
    """Another line uses what both go through (a concentrator); nothing was sent. Try again."""

    code = "line.port_busy"


# --- input: files, settings, messages ----------------------------------------------------------------------------------


class ConfigError(CampusError):
    """A file or setting is wrong. The message says what, where (file:line), expected, got, and the next step."""

    code, fault = "config.error", Fault.INPUT


class MessageError(CampusError):
    """A message that crossed a border is not usable; it is quarantined, never dropped."""

    code, fault = "message.invalid", Fault.INPUT


class UnknownSchema(MessageError):
    """The message's schema number or kind is none this reader knows: it waits for a newer reader."""

    code = "message.unknown_schema"


class CorruptMessage(MessageError):
    """The message's bytes do not match its checksum, do not decompress or decompress beyond the cap."""

    code = "message.corrupt"


class TopicError(MessageError):
    """The topic is not part of the contract."""

    code = "message.topic"


# --- storage, access ---------------------------------------------------------------------------------------------------


class StorageError(CampusError):
    """Local storage refused: the thing was NOT stored and the caller must keep or count it."""

    code, retryable = "storage.error", True


class QuotaExceeded(StorageError):
    """The byte quota is used up by rows that must not be deleted."""

    code = "storage.quota"


class StorageBusy(StorageError):
    """Another process owns this storage."""

    code, retryable = "storage.busy", False


class NotFound(CampusError):
    """The thing asked for does not exist."""

    code, fault = "request.not_found", Fault.INPUT


class Refused(CampusError):
    """The request is understood and not allowed (role, scope, state, guard)."""

    code, fault = "request.refused", Fault.INPUT


class Conflict(CampusError):
    """The request contradicts what is already stored."""

    code, fault = "request.conflict", Fault.INPUT


class NotSignedIn(CampusError):
    """Nobody is known behind the request: no session, no token, or wrong name and password."""

    code, fault = "request.not_signed_in", Fault.INPUT


class TooManyTries(CampusError):
    """Asked too often; `wait_s` in details says when the next try is looked at."""

    code, fault, retryable = "request.too_many_tries", Fault.INPUT, True


class ProgramFailed(CampusError):
    """A program that was started did not come up, or ended with an error; the message carries its last words."""

    code = "program.failed"
