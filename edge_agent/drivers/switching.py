"""Switching: a relay or valve told to move, and the reading that shows whether it did.

Nothing is sent when the command has expired, when the reading that would prove it cannot be had, or when it shows the wanted state already
(a relay that is open needs no trip; telling it again only wears the log of its meter). Once sent, a refusal or silence is read back like an
acceptance: meters have been seen to refuse and act.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from edge_agent.drivers.access import Access
from edge_agent.drivers.procedure import Procedure
from edge_agent.drivers.read_back import Written, read_value, write_and_confirm
from edge_agent.drivers.writes import command_write
from protocol.errors import NotFound, Refused
from protocol.profile import AnyProfile, Profile188
from protocol.site_plan import Device

VALID_FOR = timedelta(minutes=10)  # 1CH: later than that the meter itself refuses the frame
SKEW_MS = 120_000  # a meter's clock that is further off makes the site's time useless as an expiry
VALVE_EVERY_S, RELAY_EVERY_S = 3.0, 1.0  # a valve's motor takes 5-30 s


def switch(
    profile: AnyProfile,
    device: Device,
    command: str,
    access: Access,
    now_local: Callable[[], datetime],
    expires_at: datetime | None = None,
    valid_for: timedelta = VALID_FOR,
    clock_offset_ms: int | None = None,
) -> Procedure[Written]:
    """Carry out a command of the profile. `now_local`, `expires_at`: naive site-local; `clock_offset_ms`: device minus site, if known.

    Raises NotFound, Refused (expired), or what the first reading raises; nothing was sent then.
    """
    known = next((one for one in profile.commands if one.name == command), None)
    if known is None:
        names = ", ".join(one.name for one in profile.commands) or "none"
        raise NotFound(f"profile {profile.profile} has no command {command!r}; it has {names}", device=device.id)
    confirm = known.confirm
    _check_expiry(expires_at, now_local(), command, device)
    seen = yield from read_value(profile, device, confirm.quantity)
    if seen == confirm.value:
        return Written("already", seen)
    now = now_local()
    _check_expiry(expires_at, now, command, device)  # the line may have been busy
    skew = timedelta(milliseconds=clock_offset_ms) if clock_offset_ms is not None and abs(clock_offset_ms) > SKEW_MS else timedelta()
    write = command_write(profile, device, known.write, access, now + skew + valid_for)
    every_s = VALVE_EVERY_S if isinstance(profile, Profile188) else RELAY_EVERY_S
    return (yield from write_and_confirm(profile, device, write, confirm.quantity, confirm.value, confirm.within_s, every_s))


def _check_expiry(expires_at: datetime | None, now: datetime, command: str, device: Device) -> None:
    if expires_at is not None and now >= expires_at:
        raise Refused(f"command {command} has expired; nothing was sent", device=device.id, expired_at=expires_at.isoformat(" "))
