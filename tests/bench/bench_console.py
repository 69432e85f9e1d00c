"""The operators' console at reference size in a real browser, beside the same content in NiceGUI and Dash in the same run.

13,760 devices (12,605 electricity and 806 water points, 129 gateways) at 13,102 places with a year of days (tests/bench/campus_year.py: day rows
drawn, not computed from readings), 8 days of readings of every fortieth point, 30 days of lines by the hour, 12,000 alarms of the past; the
platform's own morning round and alarm rounds have run. Embedded PostgreSQL with settings as shipped, everything in memory; `central run --roles web`,
one process, settings as shipped; all on one machine, so browser, server and database share its cores and nothing crosses a network.
Useful: the frame in which the page's first figures (or rows) stand, from the start of navigation; drawn: its chart as well. Cold: a browser with
an empty cache, warm: one that has been there; medians of three. Switch: from the click to the frame with the other place's figures. Bytes: as
transferred. Server: requests without a browser, one after another, p50 and p95 of 30. Operators: each a kept connection.
Peers: places, the month's total and bars, a heat map of 30 days and the table of meters, one file each (tests/bench/peers/console_*.py), from the
same tables with the obvious SQL (points' days summed at request time, as by platforms that keep no sums of places); Dash has no tree, there a list.
They know no tariff, quality, comparison, scope, alarm nor sign-in. Ratio: theirs / ours.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime

from central.db.pool import connect
from tests.bench.campus_year import ZONE
from tests.bench.console.beside import compared, measure_peer, statements
from tests.bench.console.browser import chromium
from tests.bench.console.campus import campus
from tests.bench.console.ours import Ours
from tests.bench.console.server import web_role
from tests.bench.console.tour import spots
from tests.bench.figure import Figure
from tests.bench.peers.console_peers import NAMES, install


def run() -> list[Figure]:
    """Measure; on a quiet machine about four minutes, and as many more where the database must be filled."""
    python = install()
    today = datetime.now(ZONE).date()
    with ExitStack() as running:
        dsn, told = running.enter_context(campus())
        with connect(dsn, autocommit=True) as conn:
            at = spots(conn)
        browser = running.enter_context(chromium())
        with web_role(dsn) as server:
            ours = Ours(dsn, server, browser, at)
            figures = [*ours.first_paints(), *ours.switches(), *ours.parts(), *ours.alone(), *ours.operators()]
            mine = ours.beside_peers()
        peers = {name: measure_peer(name, python, dsn, today, browser, at) for name in NAMES} if python else {}
        measured = {name: found for name, found in peers.items() if found}
        figures += compared(mine, measured) + statements(dsn, today, at)
    missing = [f"; {name} could not be measured" for name in NAMES if name not in measured]
    return [*figures, Figure("conditions", told + "".join(missing))]
