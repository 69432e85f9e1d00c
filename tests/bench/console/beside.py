"""What is measured of our console and its peers alike, the peers themselves, and the obvious SQL beside the tables of sums."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page
from playwright.sync_api import Error as PlaywrightError

from central.consumption.days import month_of, next_month
from central.consumption.report import heat_map
from central.db.pool import Connection, connect
from tests.bench.console.browser import Desk, Wanted, act_ms, click_ms, middle, tell
from tests.bench.console.server import Server
from tests.bench.console.tour import Spots
from tests.bench.figure import Figure
from tests.bench.peers import console_sql
from tests.bench.peers.console_peers import peer, wanted

TIMES = 3
_OPEN = 20
_RUNS, _SCANS = 5, 2
Row = Any
_NAMES = {
    "cold": ("first useful paint of the campus, cold", "ms"),
    "cold drawn": ("its chart drawn, cold", "ms"),
    "warm": ("first useful paint of the campus, warm", "ms"),
    "switch": ("switch to a building, floor, room: median", "ms"),
    "heat": ("heat map of a building's 30 days, warm", "ms"),
    "meters": ("table of a building's meters, warm", "ms"),
    "cold bytes": ("transferred, cold", "KB"),
    "warm bytes": ("transferred, warm", "KB"),
    "memory": (f"server's memory with {_OPEN} pages open", "MiB"),
    "grown": (f"... of it for these {_OPEN}", "MiB"),
}


def measured(desk: Desk, server: Server, pages: Mapping[str, tuple[str, Wanted]]) -> dict[str, float]:
    """Of `use`: useful and drawn, cold and warm, and bytes; of `heat` and `meters` the warm time; memory for pages open at once. ms, KB, MiB."""
    path, look = pages["use"]
    cold, warm = desk.visits(path, look, TIMES, warm=False), desk.visits(path, look, TIMES, warm=True)
    found = {"cold": middle(cold.useful_ms), "warm": middle(warm.useful_ms), "cold drawn": middle(cold.drawn_ms)}
    found |= {"cold bytes": middle(cold.bytes) / 1024, "warm bytes": middle(warm.bytes) / 1024}
    for name in ("heat", "meters"):
        found[name] = middle(desk.visits(*pages[name], max(1, TIMES - 1), warm=True).useful_ms)
    before_mib = server.rss_mib()
    with desk.context() as context:
        for _ in range(_OPEN):
            context.new_page().goto(desk.url + path, wait_until="commit")
        for page in context.pages:
            page.wait_for_load_state("load")
        return found | {"memory": server.rss_mib(), "grown": server.rss_mib() - before_mib}


def measure_peer(name: str, python: Path, dsn: str, today: date, browser: Browser, at: Spots) -> dict[str, float]:
    """As `measured`, and its switches; nothing, with the reason told, where it gives up."""
    tell(f"peer {name}")
    try:
        return _measured_peer(name, python, dsn, today, browser, at)
    except (PlaywrightError, RuntimeError) as error:
        tell(f"{name} left out: {error}")
        return {}


def _measured_peer(name: str, python: Path, dsn: str, today: date, browser: Browser, at: Spots) -> dict[str, float]:
    with peer(name, python, dsn, today) as server:
        desk = Desk(browser, server.url)
        pages = {"use": ("/", wanted("campus", "use"))}
        pages |= {tab: (f"/?node={at.building}&tab={tab}", wanted(at.building, tab)) for tab in ("heat", "meters")}
        found = measured(desk, server, pages)
        opened = f"/?opened={','.join(at.way)}" if name == "nicegui" else "/"
        with desk.opened(opened) as page:
            return found | {"switch": middle([_SWITCHES[name](page, node) for node in at.way])}


def _switch_nicegui(page: Page, node: str) -> float:
    """A click in its tree."""
    page.wait_for_selector(f'[data-node="{node}"]', state="visible")
    return click_ms(page, f'[data-node="{node}"]', wanted(node, "use"))


def _switch_dash(page: Page, node: str) -> float:
    """As when a place is chosen in its list."""
    return act_ms(page, f"dash_clientside.set_props('node', {{value: '{node}'}})", wanted(node, "use"))


_SWITCHES: Mapping[str, Callable[[Page, str], float]] = {"nicegui": _switch_nicegui, "dash": _switch_dash}


def compared(mine: Mapping[str, float], peers: Mapping[str, Mapping[str, float]]) -> list[Figure]:
    """One line a figure and peer."""
    figures = []
    for key, (name, unit) in _NAMES.items():
        for peer_name, theirs in peers.items():
            ratio = f"{theirs[key] / mine[key]:.1f}" if mine[key] >= 1 else "–"
            figures.append(Figure(f"{name}, beside {peer_name}", f"{mine[key]:,.0f} {unit}", f"{theirs[key]:,.0f} {unit}", ratio, "≥ 1"))
    return figures


def statements(dsn: str, today: date, at: Spots) -> list[Figure]:
    """The obvious SQL over points' days beside ours over places' days and months, answers compared. Medians of ours, the obvious one twice."""
    since = next_month(month_of(today - timedelta(days=365)))
    with connect(dsn, autocommit=True) as conn:

        def year_of(node: str) -> Figure:
            ours_s, mine = _timed(lambda: _months(conn, node, since, today), _RUNS)
            theirs_s, answer = _timed(lambda: _by_month(_ask(conn, console_sql.DAYS, node, since, today)), _SCANS)
            return _statement(f"months of a year of {node}", len(set(mine) ^ set(answer)), ours_s, theirs_s)

        january = date(today.year, 1, 1)
        ours_s, days = _timed(lambda: heat_map(conn, at.building, "electricity", today.year), _RUNS)
        theirs_s, hours = _timed(lambda: _ask(conn, console_sql.HOURS, at.building, january, today), _SCANS)
        known = {(row.day, hour, value) for row in days for hour, value in enumerate(row.hours) if value is not None}
        heat = _statement(f"hours of this year of {at.building}", len(known - set(hours)), ours_s, theirs_s)
        return [year_of(at.building), year_of("campus"), heat]


def _statement(name: str, differ: int, ours_s: float, theirs_s: float) -> Figure:
    return Figure(
        f"SQL: {name}; answers that differ: {differ}", f"{ours_s * 1000:.1f} ms", f"{theirs_s * 1000:,.1f} ms", f"{theirs_s / ours_s:.1f}", "≥ 5"
    )


def _months(conn: Connection, node: str, first: date, last: date) -> list[tuple[date, int]]:
    return conn.execute(
        "select month, value from place_month where place = %s and medium = 'electricity' and month between %s and %s", [node, first, last]
    ).fetchall()


def _ask(conn: Connection, statement: str, node: str, first: date, last: date) -> list[tuple[object, ...]]:
    return conn.execute(statement.encode(), {"place": node, "first": first, "last": last}, prepare=False).fetchall()


def _by_month(days: Sequence[tuple[object, ...]]) -> list[tuple[date, int]]:
    total: dict[date, int] = {}
    for day, value in days:
        assert isinstance(day, date)
        assert isinstance(value, int)
        total[month_of(day)] = total.get(month_of(day), 0) + value
    return list(total.items())


def _timed(ask: Callable[[], list[Row]], runs: int) -> tuple[float, list[Row]]:
    answer: list[Row] = []
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        answer = ask()
        times.append(time.perf_counter() - started)
    return middle(times), answer
