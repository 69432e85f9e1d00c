"""A small campus with a week of quarter-hour readings whose sums can be reckoned by hand, worked off by the platform's own job; one for a module.

b1: main 10 kWh an hour (one quarter of 2 June 14:00 has 1 kWh more), below it a (4, in room b1-101) and b (3, silent from 4 June on); a check
meter of a.   b2: c 2, d 1 (silent from 3 June 20:00 on), until 2 June also mv 8.   b3: from 3 June on mv; neg 50, below it negsub 52.
b2 also has water: w, 400 L an hour.   b4 has nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from central.consumption.dirty import note_dirty
from central.consumption.work import work_off
from central.db.pool import Connection, connect
from central.metering.import_plan import import_site_plan
from central.metering.meters import Model
from central.reports.span import Span, span
from protocol.profile import DeviceKind

ZONE = ZoneInfo("Asia/Shanghai")
REGISTER = "energy_active_forward"
PLAN = """
schema: 1
site: {id: campus, name: {zh: 大学, en: University}}
places:
  - {id: campus, kind: campus, name: {zh: 大学, en: University}}
  - {id: b1, kind: building, parent: campus, name: {zh: 一号楼, en: Building 1}, area_m2: 1000, people: 50, building_type: I}
  - {id: b1-101, kind: room, parent: b1, name: {zh: 101室, en: Room 101}}
  - {id: b2, kind: building, parent: campus, name: {zh: 二号楼, en: Building 2}, area_m2: 400}
  - {id: b3, kind: building, parent: campus, name: {zh: 三号楼, en: Building 3}}
  - {id: b4, kind: building, parent: campus, name: {zh: 四号楼, en: Building 4}}
gateways:
  - {id: gw-1, name: {zh: 网关, en: Gateway}, place: b1, lines: [{id: l1, port: {kind: serial, path: /dev/ttyS0}, baud: 2400, devices: []}]}
"""
# point: place, above, role, item, W, silent from
POINTS = {
    "main": ("b1", None, "main", None, 10_000, None),
    "a": ("b1-101", "main", "sub", "01A1", 4_000, None),
    "b": ("b1", "main", "branch", "01B2E", 3_000, "2025-06-04 00:00"),
    "chk": ("b1-101", "a", "check", "01A1", 4_000, None),
    "c": ("b2", None, "sub", "01C2", 2_000, None),
    "d": ("b2", None, "sub", None, 1_000, "2025-06-03 20:00"),
    "mv": ("b2", None, "sub", "01D1", 8_000, None),
    "neg": ("b3", None, "main", None, 50_000, None),
    "negsub": ("b3", "neg", "sub", None, 52_000, None),
    "w": ("b2", None, "sub", None, 400, None),
}
NOW = datetime(2025, 6, 20, 12, tzinfo=ZONE)


def _fill(conn: Connection) -> None:
    import_site_plan(conn, PLAN, "plan.yaml", "tester", False, models={"acme/one": Model(DeviceKind.ELECTRICITY_METER, REGISTER, None)})
    for number, (code, (place, above, role, item, watts, silent)) in enumerate(POINTS.items()):
        medium = "water" if code == "w" else "electricity"
        conn.execute(
            "insert into metering_point (code, name_zh, name_en, position, medium) values (%s, %s, %s, %s, %s)", [code, code, code, number, medium]
        )
        conn.execute("insert into point_position (point, place, upstream, role) values (%s, %s, %s, %s)", [code, place, above, role])
        conn.execute(
            "insert into device (code, profile, kind, address, place, gateway, line, name_zh, name_en, position)"
            " values (%s, %s, 'electricity_meter', %s, %s, 'gw-1', 'l1', %s, %s, 0)",
            [code, "acrel/adl400" if watts > 5_000 else "chint/dtsu666", str(number + 1), place, code, code],
        )
        conn.execute(
            "insert into installation (point, device, installed_at, register) values (%s, %s, %s, %s)",
            [code, code, datetime(2025, 5, 1, tzinfo=ZONE), REGISTER],
        )
        conn.execute("insert into series (device, quantity) values (%s, %s)", [code, REGISTER])
        if item:
            conn.execute("insert into point_item (point, item, source, actor) values (%s, %s, 'plan', 'tester')", [code, item])
        conn.execute(
            "insert into reading (series_id, measured_at, value, quality)"
            " select s.id, at, (extract(epoch from at - %(from)s) / 3600 * %(watts)s)::bigint"
            "     + case when %(spike)s and at > timestamptz '2025-06-02 14:00+08' then 1000 else 0 end, 0"
            " from series as s, generate_series(%(from)s::timestamptz, %(until)s::timestamptz, interval '15 minutes') as at"
            " where s.device = %(code)s",
            {
                "from": datetime(2025, 5, 30, tzinfo=ZONE),
                "until": datetime.fromisoformat(silent or "2025-06-06 00:00").replace(tzinfo=ZONE),
                "watts": watts,
                "spike": code == "main",
                "code": code,
            },
        )
    conn.execute("update point_position set valid_to = '2025-06-03' where point = 'mv'")
    conn.execute("insert into point_position (point, place, valid_from) values ('mv', 'b3', '2025-06-03')")
    note_dirty(conn, list(POINTS), None, None, "test")
    conn.commit()
    work_off(conn)
    conn.commit()


@pytest.fixture(scope="module")
def campus(database: str) -> Iterator[Connection]:
    """A connection to the module's campus."""
    with connect(database) as conn:
        _fill(conn)
        yield conn


@pytest.fixture
def days() -> Callable[..., Span]:
    """`days("2025-06-01", "2025-06-02")`: a period looked at long after it; `now` for another time."""

    def make(first: str, last: str | None = None, now: datetime = NOW) -> Span:
        return span(date.fromisoformat(first), date.fromisoformat(last or first), "Asia/Shanghai", int(now.timestamp() * 1000))

    return make
