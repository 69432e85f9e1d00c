"""A browser's way to the identity provider and back: bound to the browser, used once, ten minutes long."""

from __future__ import annotations

from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements, number
from central.identity.secret import digest, new_secret
from protocol.errors import Refused, StorageBusy

_SQL = load_statements("central.identity")
LIFETIME_S = 600.0
MAX_OPEN = 10_000


@dataclass(frozen=True, slots=True)
class Journey:
    """What must come back unchanged. `next`: where the person wanted to go."""

    nonce: str
    verifier: str
    next: str


def set_out(conn: Connection, provider: str, visit: str, next: str, now: float) -> tuple[str, Journey]:
    """Return the state to send along, and what to check afterwards. Raise StorageBusy where MAX_OPEN are on their way."""
    conn.execute(_SQL["forget_journeys"], {"now": now})
    if number(conn, _SQL["count_journeys"]) >= MAX_OPEN:
        raise StorageBusy("too many sign-ins by the identity provider are under way; try again in a few minutes")
    state, journey = new_secret(), Journey(new_secret(), new_secret(), next)
    row = {"state_digest": digest(state), "visit_digest": digest(visit), "provider": provider, "now": now, "lasts_s": LIFETIME_S}
    conn.execute(_SQL["add_journey"], {**row, "nonce": journey.nonce, "verifier": journey.verifier, "next": next})
    return state, journey


def arrive(conn: Connection, provider: str, state: str, visit: str | None, now: float) -> Journey:
    """What was set out with; it is used up. Raise Refused where the state is unknown, old, used, or another browser's."""
    key = {"state_digest": digest(state), "visit_digest": digest(visit or ""), "provider": provider, "now": now}
    row = conn.execute(_SQL["end_journey"], key).fetchone()
    if row is None:
        raise Refused("this sign-in was started in another browser, too long ago, or is finished already; start again", problem="no_journey")
    return Journey(*row)
