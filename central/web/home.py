"""Everything the home page says of a node, gathered once for the page, the API and the wall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from central.alarms.model import AlarmRow, Counts
from central.alarms.summary import Chosen, alarm_counts, list_alarms, open_alarms
from central.analytics.leaks import open_leaks
from central.analytics.model import LeakRow, RiseRow
from central.analytics.rises import top_rises
from central.consumption.days import day_of
from central.consumption.findings import list_findings
from central.db.pool import Connection
from central.db.statements import load_statements, number
from central.identity.principal import Principal
from central.web.home_figures import Health, Tile, Use, load_health, load_tiles, load_use, scope_of
from central.web.node import Node, node_context

_SQL = load_statements("central.web")
MAX_ALARMS, MAX_TOP, MAX_FINDINGS = 8, 10, 200


@dataclass(frozen=True, slots=True)
class Home:
    """`node`, as it was at `at_ms`. What the asker has no permission for is None. `mine`: alarms assigned to the asker; `findings`: open ones,
    up to MAX_FINDINGS; `quarantined`: messages of the whole site that wait.
    """

    node: Node
    at_ms: int
    health: Health
    tiles: Sequence[Tile]
    use: Use | None
    alarm_counts: Counts | None
    alarms: Sequence[AlarmRow] | None
    mine: int | None
    findings: int | None
    rises: Sequence[RiseRow] | None
    leaks: Sequence[LeakRow] | None
    quarantined: int | None


def load_home(conn: Connection, principal: Principal, code: str, zone: str, now_ms: int) -> Home:
    """The node's home. Raises NotFound outside the asker's scope."""
    node = node_context(conn, principal, code)
    may = principal.permissions
    health = load_health(conn, scope_of(node, principal.scope), day_of(now_ms, zone))
    alarms = "alarms.read" in may
    reports = "reports.read" in may
    scope = scope_of(node, principal.scope)
    return Home(
        node,
        now_ms,
        health,
        load_tiles(conn, node),
        load_use(conn, node, zone, now_ms) if reports else None,
        alarm_counts(conn, principal.scope, node.code) if alarms else None,
        open_alarms(conn, principal.scope, node.code, MAX_ALARMS) if alarms else None,
        _mine(conn, principal, node) if alarms and principal.account_id is not None else None,
        len(list_findings(conn, True, None, MAX_FINDINGS, scope)) if "metering.manage" in may else None,
        top_rises(conn, principal.scope, node.code, MAX_TOP) if reports else None,
        open_leaks(conn, principal.scope, node.code, MAX_TOP) if reports else None,
        number(conn, _SQL["quarantine_waiting"]) if "quarantine.read" in may and principal.scope is None else None,
    )


def _mine(conn: Connection, principal: Principal, node: Node) -> int:
    return list_alarms(conn, principal.scope, Chosen(node=node.code, assignee=principal.name), limit=1).total
