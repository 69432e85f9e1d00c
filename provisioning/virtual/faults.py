"""What a fault does to one answer. Pure: the random numbers come in from outside."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from protocol.site_plan import VirtualFault
from provisioning.virtual.devices.modbus import gateway_timeout
from provisioning.virtual.line import Answer

_SLOW_MS = 400
_LATE_MS = 200
_BABBLE_EVERY_MS = 2_000


def spoil(answer: Answer, request: bytes, faults: Sequence[VirtualFault], *, timeout_s: float, rng: random.Random) -> list[Answer]:
    """Return what really comes instead of an answer; `timeout_s`: how long a master waits for this device's first byte."""
    answers = [answer]
    for fault in faults:
        if rng.random() < fault.share:
            answers = [spoilt for one in answers for spoilt in _spoil(one, request, fault, timeout_s, rng)]
    return answers


def babble_after_s(fault: VirtualFault, rng: random.Random) -> float:
    """Return the pause before a babbling device sends again."""
    mean_s = (fault.delay_ms or _BABBLE_EVERY_MS) / 1000 / fault.share
    return rng.uniform(0.5, 1.5) * mean_s


def _spoil(answer: Answer, request: bytes, fault: VirtualFault, timeout_s: float, rng: random.Random) -> list[Answer]:
    match fault.kind:
        case "dead":
            answers = []
        case "slow":
            answers = [replace(answer, delay_s=answer.delay_s + (fault.delay_ms or _SLOW_MS) / 1000)]
        case "late_reply":
            answers = [replace(answer, delay_s=timeout_s + (fault.delay_ms or _LATE_MS) / 1000)]
        case "wrong_checksum":
            answers = [replace(answer, data=_flipped(answer.data, len(answer.data) - 2), useful=0)]
        case "noisy":
            answers = [_noisy(answer, rng)]
        case "echoing":
            answers = [replace(answer, echo=request)]
        case "duplicate_address":
            twin = replace(answer, device=f"{answer.device}~twin", delay_s=answer.delay_s + rng.uniform(0.002, 0.008), useful=0)
            answers = [replace(answer, useful=0), twin]
        case "babbling":
            answers = [answer]
        case "gateway_timeout":
            told = gateway_timeout(request)
            answers = [replace(answer, data=told, useful=len(told))] if told else []
    return answers


def _noisy(answer: Answer, rng: random.Random) -> Answer:
    """Half of the time bytes before the frame (a parser can skip them), else damage inside it."""
    if rng.random() < 0.5:
        return replace(answer, data=rng.randbytes(rng.randint(1, 8)) + answer.data)
    return replace(answer, data=_flipped(answer.data, rng.randrange(len(answer.data) // 2, len(answer.data))), useful=0)


def _flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes((data[place] ^ 0xFF,)) + data[place + 1 :]
