"""What a principal may see of the site: all of it, or some places with everything below them.

A route says with `require(permission, about=...)` what its path names; the guard then looks here before the route runs. A thing outside the scope
does not exist for the asker: the answer is the same as for a code nobody ever used, so that codes cannot be tried out. Lists filter in SQL with
`in_scope(place, %(scope)s)`.
"""

from __future__ import annotations

from enum import StrEnum

from central.db.pool import Connection
from central.db.statements import load_statements
from protocol.errors import NotFound

_SQL = load_statements("central.identity")

Scope = list[str] | None  # None: the whole site. A list, because that is what the driver sends as text[].


class About(StrEnum):
    """What a route's code names, and so how the guard checks it.

    SITE: nothing smaller than the site; who has a smaller scope is refused. OWN: the asker's own things, what everybody may read (tariffs), or a
    list or body that the route itself holds against `principal.scope`.
    """

    SITE = "site"
    OWN = "own"
    PLACE = "place"
    DEVICE = "device"
    POINT = "point"
    GATEWAY = "gateway"
    FINDING = "finding"
    MARK = "mark"
    REPLACEMENT = "replacement"
    IOT_COMMAND = "iot_command"
    COMMAND = "command"


def check_in_scope(conn: Connection, scope: Scope, about: About, code: str) -> None:
    """Raise NotFound where the thing is outside the scope or does not exist. Checks nothing for the whole site (the route finds out itself)."""
    if scope is None:
        return
    row = conn.execute(_SQL[f"{about.value}_in_scope"], {"code": code, "scope": scope}).fetchone()
    if row is None or not row[0]:
        what = about.value.replace("_", " ")
        raise NotFound(f"there is no {what} {code!r} that this account may see; search for it or start from the overview")
