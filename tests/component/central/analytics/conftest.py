"""A small campus with water and electricity, whose day rows tests write as the computation would."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from central.analytics.rounds import morning
from central.consumption.days_table import DayChange, to_row, write_days
from central.consumption.model import DayFigures
from central.db.pool import Connection, Pool, connect, open_pool
from central.metering.import_plan import import_site_plan

ZONE = "Asia/Shanghai"
TODAY = date(2026, 11, 3)  # a Tuesday
PLAN = """
schema: 1
site: {id: north, name: {zh: 北校区, en: North campus}, timezone: Asia/Shanghai}
places:
  - {id: campus, kind: campus, name: {zh: 北校区, en: North campus}}
  - {id: b1, kind: building, parent: campus, name: {zh: 一号楼, en: Building 1}}
  - {id: b1-101, kind: room, parent: b1, name: {zh: 101室, en: Room 101}}
  - {id: b1-102, kind: room, parent: b1, name: {zh: 102室, en: Room 102}}
  - {id: b2, kind: building, parent: campus, name: {zh: 二号楼, en: Building 2}}
gateways:
  - id: gw1
    name: {zh: 一号网关, en: Gateway 1}
    place: b1
    lines:
      - id: l1
        port: {kind: serial, path: /dev/ttyS1}
        baud: 2400
        devices:
          - {id: w1, profile: generic/cjt188_cold_water_valve, address: "20260000000001", place: b1-101, name: {zh: 101水表, en: Water 101}}
          - {id: w2, profile: langhua/cold_water, address: "20260000000002", place: b1-102, name: {zh: 102水表, en: Water 102}}
          - {id: e1, profile: acrel/adl400, address: "1", place: b1, name: {zh: 一号楼电表, en: Power of building 1}}
          - {id: e2, profile: acrel/adl400, address: "2", place: b2, name: {zh: 二号楼电表, en: Power of building 2}}
reporting_devices:
  - {id: i1, profile: maituo/nb_cold_water, address: "1001", place: b2, imei: "868000000000011", via: mqtt, name: {zh: 二号水表, en: Water}}
  - {id: i2, profile: maituo/nb_cold_water, address: "1002", place: b2, imei: "868000000000022", via: mqtt, name: {zh: 备表, en: Spare}}
"""


def at_s(day: date, hour: int = 0) -> float:
    """Unix seconds of an hour of a local day."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo(ZONE)).timestamp()


class Campus:
    """The site and what tests write to it; every step commits."""

    def __init__(self, conn: Connection, pool: Pool) -> None:
        self.conn = conn
        self.pool = pool

    def sql(self, statement: str, *params: object) -> list[tuple]:
        """Run a statement; its rows, if it has any."""
        cursor = self.conn.execute(statement, params)
        found = cursor.fetchall() if cursor.description else []
        self.conn.commit()
        return found

    def day(self, point: str, day: date, hours: Sequence[int], known: bool = True) -> None:
        """A point's day from what 24 hours used; read every quarter of an hour, evenly within the hour."""
        slots = np.repeat(np.array(hours, np.int64) // 4, 4)
        flags = np.full(96, known)
        rates = np.array([0, 0, int(slots.sum()), 0, 0], np.int64)
        pins = np.full(97, known)
        figures = DayFigures(day, slots, np.where(flags, 900, 0), pins, flags, ~np.ones(96, np.bool_), rates, None, None, pending=not known)
        row = to_row(self.sql("select id from metering_point where code = %s", point)[0][0], figures)
        assert row is not None
        present = self.sql("select 1 from consumption_day where point_id = %s and day = %s", row.point_id, day)
        write_days(self.conn, [DayChange(row if present else None, row)])
        self.conn.commit()

    def place_day(self, place: str, day: date, hours: Sequence[int], medium: str = "water", points: int = 2) -> None:
        """A place's day, all of it known."""
        slots = [amount // 4 for amount in hours for _ in range(4)]
        self.sql(
            "insert into place_day (place, medium, day, value, points, slots, known, rates) values (%s, %s, %s, %s, %s, %s, %s, %s)",
            *(place, medium, day, sum(slots), points, slots, [points] * 96, [0, 0, sum(slots), 0, 0]),
        )

    def nights(self, point: str, floors_l_h: Sequence[int], last: date = TODAY) -> None:
        """Nights up to `last` with these flows in litres an hour, and 40 L in every hour from 06:00 on."""
        for number, floor in enumerate(reversed(floors_l_h)):
            self.day(point, last - timedelta(days=number), [floor] * 6 + [40] * 18)

    def morning(self, today: date = TODAY) -> list[str]:
        """The whole morning round."""
        return list(morning(self.pool, ZONE, today))


@pytest.fixture
def zone() -> str:
    """The site's zone."""
    return ZONE


@pytest.fixture
def today() -> date:
    """The day tests live on."""
    return TODAY


@pytest.fixture
def at() -> Callable[..., float]:
    """`at(day, hour)`: Unix seconds."""
    return at_s


@pytest.fixture(scope="module")
def planned(database: str) -> str:
    """The module's database with the plan."""
    with connect(database) as conn:
        import_site_plan(conn, PLAN, "plan.yaml", "test", preview=False)
    return database


@pytest.fixture
def campus(planned: str) -> Iterator[Campus]:
    """The site; what a test writes is gone behind it."""
    with connect(planned) as conn, open_pool(planned, max_size=2) as pool:
        yield Campus(conn, pool)
        conn.rollback()
        conn.execute(
            "truncate consumption_day, place_day, night_flow, leak_watch, leak, rise_figure, load_shape, battery_day, battery_forecast,"
            " analytics_round, finding, iot_state, device_status, reading, series, tariff_version, calendar_day cascade"
        )
        conn.execute("alter table leak_known_use disable trigger user")
        conn.execute("truncate leak_known_use")
        conn.execute("alter table leak_known_use enable trigger user")
        conn.commit()
