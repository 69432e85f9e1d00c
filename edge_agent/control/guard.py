"""Whether a command may be carried out now. Pure: every fact is an argument.

What central allows is no matter here: the guard keeps what holds whoever asks (a command is valid for a time, a contactor needs its rest, a queue has
an end), and it holds without central.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.command import FRAMES, READ, SWITCH, Command, ResultState
from protocol.profile import AnyProfile
from protocol.profile_writes import Command as Named
from protocol.profile_writes import Write2007

SWITCH_EVERY_S = 10.0  # a contactor's or compressor's rest between two switchings of one output
MAX_OPEN = 100  # commands of one gateway that are not settled


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command is not carried out: `code` is stable, `message` says the next step."""

    state: ResultState
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the guard looks at.

    `now_ms`: wall time, None while the clock is not to be trusted; `left_s`: how long the command is still valid by the broker's word and the time
    since it came, None when that is not known (after a restart). `on_line`: the device or line stands in the plan in force; `profile`: the device's.
    `open`: commands that are not settled, without this one. `switched_s`: since the output was switched last, None = not since the start;
    `under_way`: it is being switched. `forgetful`: what was carried out lately is not known.
    """

    now_ms: int | None
    left_s: float | None
    on_line: bool
    profile: AnyProfile | None
    open: int = 0
    switched_s: float | None = None
    under_way: bool = False
    forgetful: bool = False


def judge(command: Command, facts: Facts) -> Refusal | None:
    """Why not, or None: it may be carried out."""
    return (
        expired(command, facts.now_ms, facts.left_s)
        or _busy(facts)
        or _unknown(command, facts)
        or (_switching(command, facts) if command.kind == SWITCH else None)
    )


def expired(command: Command, now_ms: int | None, left_s: float | None) -> Refusal | None:
    """Whether it came too late. With a clock that is not trusted the broker's word counts alone; with neither, it is too late."""
    if now_ms is not None and now_ms >= command.expires_at_ms:
        late_s = (now_ms - command.expires_at_ms) / 1000
        return Refusal(
            "expired", "expired", f"it was valid until {late_s:.0f} s ago by this gateway's clock; nothing was sent. Ask again if it is still wanted"
        )
    if left_s is not None and left_s <= 0:
        return Refusal("expired", "expired", "its time ran out on the way; nothing was sent. Ask again if it is still wanted")
    if now_ms is None and left_s is None:
        text = "the gateway's clock is not set and how long the command was under way is not known; nothing was sent. Ask again"
        return Refusal("expired", "clock_unsure", text)
    return None


def left_s(command: Command, now_ms: int | None, broker_left_s: float | None) -> float:
    """Seconds a command is still valid, by the stricter of the clock and the broker's word; 0 when neither is known."""
    by_clock = None if now_ms is None else (command.expires_at_ms - now_ms) / 1000
    return min((left for left in (by_clock, broker_left_s) if left is not None), default=0.0)


def named(profile: AnyProfile | None, name: str | None) -> Named | None:
    """The profile's command of this name."""
    return next((one for one in profile.commands if one.name == name), None) if profile is not None else None


def output_of(command: Command, profile: AnyProfile | None) -> tuple[str, str] | None:
    """What a switch moves: (device, quantity that shows it); None for other commands."""
    known = named(profile, command.command) if command.kind == SWITCH else None
    return (command.device, known.confirm.quantity) if known is not None and command.device is not None else None


def _busy(facts: Facts) -> Refusal | None:
    if facts.open < MAX_OPEN:
        return None
    return Refusal("refused", "busy", f"{facts.open} commands wait on this gateway already; try again when some are settled")


def _unknown(command: Command, facts: Facts) -> Refusal | None:
    if command.kind not in (READ, FRAMES, SWITCH):
        return Refusal("refused", "unknown_kind", f"this gateway's program knows no command {command.kind!r}; upgrade it")
    if command.device is None and (command.kind != FRAMES or command.line is None):
        return Refusal("refused", "incomplete", f"{command.kind} needs a device")
    if not facts.on_line:
        what = f"device {command.device!r}" if command.device is not None else f"line {command.line!r}"
        return Refusal("refused", "unknown_device", f"{what} is on no line this gateway polls; check the plan and the version in force")
    return None


def _switching(command: Command, facts: Facts) -> Refusal | None:
    known = named(facts.profile, command.command)
    if known is None:
        names = ", ".join(one.name for one in facts.profile.commands) if facts.profile is not None else ""
        return Refusal("refused", "unknown_command", f"the device's profile has no command {command.command!r}; it has {names or 'none'}")
    if isinstance(known.write, Write2007):
        text = "this meter wants a password to switch, and the platform keeps none; nothing was sent. Switch it with the maker's tool"
        return Refusal("refused", "password_needed", text)
    if facts.forgetful:
        text = "the gateway lost its list of commands and cannot rule out that this one was carried out; try again in ten minutes"
        return Refusal("refused", "forgetful", text)
    if facts.under_way:
        return Refusal("refused", "under_way", "this output is being switched by another command; wait for its result")
    if facts.switched_s is not None and facts.switched_s < SWITCH_EVERY_S:
        wait_s = SWITCH_EVERY_S - facts.switched_s
        return Refusal("refused", "too_soon", f"this output was switched {facts.switched_s:.0f} s ago; try again in {wait_s:.0f} s")
    return None
