"""A small site whose readings come in through ingest, and whose consumption is worked off when the test says so."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from central.consumption.check import Checked, check
from central.consumption.closing import MonthState, close_month
from central.consumption.dirty import note_dirty, note_dirty_places
from central.consumption.report import Item, Step, month_of_points, place_consumption, point_consumption
from central.consumption.work import Round, work_off
from central.db.pool import Connection
from central.ingest.series import SeriesIds
from central.ingest.store import store
from central.ingest.verify import verify
from central.mqtt.session import Message
from protocol.messages import CRC_PROPERTY, BatchId, checksum, columns, encode_readings
from protocol.reading import Quality, Reading, SeriesKey
from protocol.topics import Up, up

ZONE = ZoneInfo("Asia/Shanghai")
_NOW_MS = 4_000_000_000_000


def at(text: str) -> datetime:
    """`2025-03-01 10:00` of the site's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


class Campus:
    """The site and what tests do to it; every step commits."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self._series = SeriesIds()
        self._seq = itertools.count(1)

    def sql(self, statement: str, *params: object) -> list[tuple]:
        """Run a statement; its rows, if it has any."""
        cursor = self.conn.execute(statement, params)
        found = cursor.fetchall() if cursor.description else []
        self.conn.commit()
        return found

    def point(self, code: str, place: str = "b1", upstream: str | None = None, role: str = "sub", medium: str = "electricity") -> None:
        """A metering point, in a place from ever on."""
        self.sql("insert into metering_point (code, name_zh, name_en, position, medium) values (%s, %s, %s, 0, %s)", code, code, code, medium)
        self.sql("insert into point_position (point, place, upstream, role) values (%s, %s, %s, %s)", code, place, upstream, role)

    def stand(self, point: str, device: str, since: str, until: str | None = None, **facts: object) -> None:
        """A meter at a point. `opening`, `closing`: registers; anything else as the columns of installation."""
        register = str(facts.pop("register", "energy_active_forward"))
        self.sql(
            "insert into device (code, profile, kind, address, place, gateway, line, name_zh, name_en, position)"
            " values (%s, 'acme/one', 'electricity_meter', %s, 'b1', 'gw-1', 'l1', %s, %s, 0) on conflict do nothing",
            device, device, device, device,
        )  # fmt: skip
        row = {"point": point, "device": device, "installed_at": at(since), "removed_at": at(until) if until else None, "register": register}
        row |= {name: f'{{"{register}": {facts.pop(name)}}}' for name in ("opening", "closing") if name in facts} | facts
        names = ", ".join(row)
        self.sql(f"insert into installation ({names}) values ({', '.join(['%s'] * len(row))})", *row.values())

    def meter(self, code: str, since: str = "2020-01-01 00:00", **facts: object) -> None:
        """A point and its only meter, of the same code."""
        position = {name: facts.pop(name) for name in ("place", "upstream", "role", "medium") if name in facts}
        self.point(code, **position)
        self.stand(code, code, since, **facts)

    def feed(self, device: str, rows: Iterable[tuple[str, int]], quality: Quality = Quality.GOOD, register: str = "energy_active_forward") -> None:
        """Readings (local time, register) in one message through ingest."""
        readings = [Reading(SeriesKey(device, register), int(at(when).timestamp() * 1000), value, quality) for when, value in rows]
        batch = BatchId("gw-1", 1, 1, next(self._seq))
        payload = encode_readings(batch, columns(readings))
        properties = {CRC_PROPERTY: f"{checksum(payload):08x}", "gateway": "gw-1", "generation": "1", "epoch": "1", "seq": str(batch.seq)}
        store(self.conn, self._series, [verify(Message(up("gw-1", Up.DATA), payload, properties), _NOW_MS)])
        self.conn.commit()

    def virtual(self, code: str, **terms: int) -> None:
        """A point computed from others."""
        self.point(code, role="virtual")
        for given, coefficient in terms.items():
            self.sql("insert into virtual_term (point, input, coefficient) values (%s, %s, %s)", code, given, coefficient)

    def dirty(self, points: list[str], since: str | None, until: str | None, reason: str = "test") -> None:
        """Note points as dirty."""
        note_dirty(self.conn, points, at(since) if since else None, at(until) if until else None, reason)
        self.conn.commit()

    def dirty_places(self, places: list[str], since: str | None, until: str | None, reason: str = "test") -> None:
        """Note places as dirty."""
        days = [date.fromisoformat(day) if day else None for day in (since, until)]
        note_dirty_places(self.conn, places, *days, reason)
        self.conn.commit()

    def random_pieces(self, chance: random.Random, spells: dict[str, tuple[int, int]]) -> list[tuple[str, list[tuple[str, int]]]]:
        """Readings of March by device (first, last day), with gaps, jitter, garbage, zeros and falls, in pieces of any order."""
        pieces = []
        for device, (first, last) in spells.items():
            rows, value = [], 98_000 if device == "old" else 0
            start = at(f"2025-03-{first:02d} 00:00") + timedelta(seconds=chance.randrange(900))
            for number in range((last - first) * 96):
                value += chance.randrange(40)
                shown = value % 100_000 if device == "old" else value
                shown = chance.choices([shown, 0, max(shown - 5, 0), shown + 10**7, -3], [97, 1, 1, 0.5, 0.5])[0]
                if chance.random() < 0.002:
                    value = chance.randrange(1000)
                rows.append((f"{start + timedelta(minutes=15 * number):%Y-%m-%d %H:%M:%S}", shown))
            rows = [row for number, row in enumerate(rows) if number % 200 > 30]
            size = chance.choice([40, 150, 400])
            pieces += [(device, rows[begin : begin + size]) for begin in range(0, len(rows), size)]
        chance.shuffle(pieces)
        return pieces

    def everything(self) -> dict[str, list[tuple]]:
        """All figures and verdicts, but for versions and serial numbers."""
        tables = ("consumption_day", "consumption_month", "place_day", "place_month", "reading_verdict")
        found = {table: self.sql(f"select to_jsonb(t) - 'version' from {table} as t order by (to_jsonb(t) - 'version')::text") for table in tables}
        found["finding"] = self.sql("select code, point, at, until, data from finding where resolution is distinct from 'data' order by 1, 2, 3")
        return found

    def start_over(self) -> None:
        """Throw everything derived away and note every point."""
        self.sql("truncate consumption_day, consumption_month, place_day, place_month, reading_verdict, finding, arrival, dirty")
        self.dirty([row[0] for row in self.sql("select code from metering_point")], None, None)

    def place_month(self, place: str, month: str, medium: str = "electricity") -> int | None:
        """A place's month."""
        found = self.sql("select value from place_month where place = %s and month = %s and medium = %s", place, f"{month}-01", medium)
        return found[0][0] if found else None

    def slots_of_place(self, place: str, day: str) -> list[int]:
        """A place's quarters."""
        return self.sql("select slots from place_day where place = %s and day = %s", place, day)[0][0]

    def close(self, month: str, preview: bool = False, now: str = "2025-04-12 09:00", force: str | None = None) -> MonthState:
        """Close a month."""
        state = close_month(self.conn, "Asia/Shanghai", date.fromisoformat(f"{month}-01"), "tester", at(now), preview, force)
        self.conn.commit()
        return state

    def reported(self, point: str, month: str) -> tuple[int | None, int, bool]:
        """A point's reported month: value, adjusted into it, closed."""
        found = [row for row in month_of_points(self.conn, date.fromisoformat(f"{month}-01")) if row.point == point]
        return found[0].value, found[0].adjusted, found[0].closed

    def place_months(self, place: str, first: str, last: str) -> list[Item]:
        """A place's reported months."""
        days = [date.fromisoformat(f"{month}-01") for month in (first, last)]
        return place_consumption(self.conn, "Asia/Shanghai", place, "electricity", *days, Step.MONTH)

    def quality(self, point: str, day: str, step: Step = Step.HOUR) -> list[str]:
        """How good a point's parts of a day are."""
        when = date.fromisoformat(day)
        return [item.quality for item in point_consumption(self.conn, "Asia/Shanghai", point, when, when, step)]

    def check(self, **options: object) -> Checked:
        """The proof, over everything unless told otherwise."""
        self.conn.commit()
        result = check(self.conn, at("2025-04-12 09:00"), **options)
        self.conn.commit()
        return result

    def work(self) -> Round:
        """Work off everything that waits."""
        done = work_off(self.conn)
        self.conn.commit()
        return done

    def day(self, point: str, day: str) -> int | None:
        """A day's consumption; None where there is no row."""
        found = self.sql(
            "select d.value from consumption_day as d join metering_point as m on m.id = d.point_id where m.code = %s and d.day = %s", point, day
        )
        return found[0][0] if found else None

    def slots(self, point: str, day: str) -> list[int | None]:
        """A day's 96 quarters."""
        return self.sql(
            "select d.slots from consumption_day as d join metering_point as m on m.id = d.point_id where m.code = %s and d.day = %s", point, day
        )[0][0]

    def hours(self, point: str, day: str) -> list[int | None]:
        """A day's hours; None where a quarter is not known."""
        slots = self.slots(point, day)
        quarters = [slots[start : start + 4] for start in range(0, len(slots), 4)]
        return [None if None in four else sum(four) for four in quarters]

    def month(self, point: str, month: str) -> int | None:
        """A month's consumption as known now."""
        found = self.sql(
            "select d.value from consumption_month as d join metering_point as m on m.id = d.point_id where m.code = %s and d.month = %s",
            point, date.fromisoformat(f"{month}-01"),
        )  # fmt: skip
        return found[0][0] if found else None

    def place(self, place: str, day: str, medium: str = "electricity") -> int | None:
        """A place's day."""
        found = self.sql("select value from place_day where place = %s and day = %s and medium = %s", place, day, medium)
        return found[0][0] if found else None

    def findings(self, open_only: bool = True) -> list[tuple[str, str]]:
        """(code, point) of findings."""
        return self.sql("select code, point from finding where not %s or resolved_at is null order by 1, 2", open_only)


@pytest.fixture
def campus(site: Connection) -> Campus:
    """The small plan's site."""
    return Campus(site)


@pytest.fixture
def local() -> Callable[[str], datetime]:
    """`local("2025-03-01 10:00")`: an instant of the site's clock."""
    return at
