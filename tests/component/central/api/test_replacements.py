"""Replacing a meter over the API, computed by the real consumption job: C3, C4, C15 and C16 of the checklist."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from central.consumption.days import day_of
from central.consumption.report import Step, point_consumption
from central.consumption.work import work_off
from central.context import Central
from central.db.pool import Connection, Pool
from central.identity.tokens import create_token
from central.ingest.series import SeriesIds
from central.ingest.store import store
from central.ingest.verify import verify
from central.metering.import_plan import import_site_plan
from central.mqtt.session import Message
from central.settings import Settings
from central.web.app import create_app
from protocol.messages import CRC_PROPERTY, BatchId, checksum, columns, encode_readings
from protocol.reading import Reading, SeriesKey
from protocol.topics import Up, up

ZONE = "Asia/Shanghai"
DAY = datetime(2026, 6, 15, tzinfo=ZoneInfo(ZONE))
ENERGY = "energy_active_forward"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
PERMISSIONS = ["metering.read", "metering.manage", "fleet.read", "fleet.manage"]


def at_ms(text: str) -> int:
    """That time of 15 June 2026 at the site."""
    hour, minute = text.split(":")
    return int((DAY + timedelta(hours=int(hour), minutes=int(minute))).timestamp() * 1000)


class Site:
    """A site of real profiles, its API two days later, and its consumption when it is asked for."""

    def __init__(self, conn: Connection, pool: Pool, dsn: str, folder: Path) -> None:
        self.conn = conn
        self._app = create_app(Central(Settings(data_dir=folder), pool, lambda: at_ms("48:00") / 1000, dsn))
        self._series = SeriesIds()
        self._number = 0

    def ask(self, method: str, path: str, permissions: list[str] = PERMISSIONS, **more: Any) -> httpx.Response:
        self._number += 1
        token = create_token(self.conn, f"t{self._number}", permissions, at_ms("24:00") / 1000)
        self.conn.commit()

        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://test/api/v1") as client:
                return await client.request(method, path, headers={"authorization": f"Bearer {token}"}, **more)

        return asyncio.run(send())

    def read(self, device: str, values: dict[str, float]) -> None:
        """Registers in kWh, through ingest."""
        self._number += 1
        readings = [Reading(SeriesKey(device, ENERGY), at_ms(time), round(value * 1000)) for time, value in values.items()]
        batch = BatchId("gw-1", 1, 1, self._number)
        payload = encode_readings(batch, columns(readings))
        store(self.conn, self._series, [verify(Message(up("gw-1", Up.DATA), payload, {CRC_PROPERTY: f"{checksum(payload):08x}"}), at_ms("48:00"))])
        self.conn.commit()

    def hours(self, point: str) -> dict[str, tuple[int | None, str]]:
        """What the job makes of the day: the hours of which something is known."""
        work_off(self.conn)
        day = day_of(at_ms("12:00"), ZONE)
        items = point_consumption(self.conn, ZONE, point, day, day, Step.HOUR)
        self.conn.commit()
        return {f"{(item.start_ms - at_ms('00:00')) // 3_600_000:02}": (item.value, item.quality) for item in items if item.value is not None}


@pytest.fixture
def campus(conn: Connection, pool: Pool, fresh_database: str, tmp_path: Path, plan: str) -> Site:
    text = plan.replace("acme/one", "generic/dlt645_2007_three_phase").replace("acme/water", "generic/cjt188_cold_water").replace("ct: 40, ", "")
    import_site_plan(conn, text, "plan.yaml", "tester", False)
    conn.execute("update installation set installed_at = '2026-05-01'")
    conn.commit()
    return Site(conn, pool, fresh_database, tmp_path)


def swap(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "key": "replace-p1-1",
        "point": "p1",
        "removed_at_ms": at_ms("10:20"),
        "closing": {ENERGY: 5_230_400},
        "installed_at_ms": at_ms("10:25"),
        "opening": {ENERGY: 12_300},
        "new": {"address": "000000000009"},
        "person": "Wang Wei",
        "reason": "display dark",
    }
    return body | changes


def test_logged_replacement_counts_what_both_meters_counted(campus: Site):
    """C3: 5,230.00 at 10:00, removed at 5,230.40, the new one starts at 12.30 and shows 12.80 at 11:00: hour 10 is 0.90."""
    campus.read("m1", {"09:00": 5229.0, "10:00": 5230.0})
    photo = campus.ask("POST", "/attachments", content=PNG).json()["sha256"]

    preview = campus.ask("POST", "/replacements?preview=true", json=swap(photos=[photo])).json()
    done = campus.ask("POST", "/replacements", json=swap(photos=[photo]))
    campus.read("p1-2", {"11:00": 12.8, "12:00": 13.8})

    assert (preview["preview"], preview["hours"][0]["after"], done.status_code) == (True, 400, 200)
    hours = campus.hours("p1")
    assert {hour: value for hour, (value, _) in hours.items()} == {"09": 1000, "10": 900, "11": 1000}
    log = campus.ask("GET", "/replacements?device=p1-2").json()
    assert [(one["old_device"], one["closing"], one["photos"], one["person"]) for one in log] == [("m1", {ENERGY: 5_230_400}, [photo], "Wang Wei")]


def test_preview_and_job_agree_on_an_unlogged_fall_told_afterwards(campus: Site):
    """C4: the step is unknown and a finding stands; after the replacement is told the hour is computed from both registers."""
    campus.read("m1", {"09:00": 5229.0, "10:00": 5230.0, "11:00": 12.8, "12:00": 13.8, "13:00": 14.8, "14:00": 15.8})
    assert "10" not in campus.hours("p1")
    ((number,),) = campus.conn.execute("select id from finding where code = 'register.fall' and resolved_at is null").fetchall()
    told = swap(readings_are_new=True, new={"address": "000000000001"})

    preview = campus.ask("POST", f"/findings/{number}/replacement?preview=true", json=told).json()
    done = campus.ask("POST", f"/findings/{number}/replacement", json=told)

    assert done.status_code == 200, done.text
    hours = {hour: value for hour, (value, _) in campus.hours("p1").items()}
    assert hours == {"09": 1000, "10": 900, "11": 1000, "12": 1000, "13": 1000}
    assert [hour["after"] for hour in preview["hours"] if hour["from_ms"] == at_ms("10:00")] == [900]
    assert campus.conn.execute("select count(*) from finding where resolved_at is null").fetchone() == (0,)


def test_undone_replacement_gives_the_consumption_of_before(campus: Site):
    campus.read("m1", {"09:00": 5229.0, "10:00": 5230.0, "11:00": 5231.0})
    before = campus.hours("p1")
    done = campus.ask("POST", "/replacements", json=swap(confirmed=True)).json()
    between = campus.hours("p1")

    undone = campus.ask("POST", f"/replacements/{done['id']}/cancel", json={"reason": "wrong room"})

    assert undone.json()["device"] == "m1"
    assert between != before
    assert campus.hours("p1") == before


def test_ratio_that_changed_at_two_in_the_afternoon(campus: Site):
    """C15: 10.00 at 00:00, 10.50 at 14:00, 10.90 at 24:00; 40 becomes 60: 44.0 kWh, not 54."""
    campus.conn.execute("update installation set ct = 40 where point = 'p1'")
    campus.read("m1", {"00:00": 10.0, "14:00": 10.5, "24:00": 10.9})

    done = campus.ask("POST", "/ratio-changes", json={"point": "p1", "at_ms": at_ms("14:00"), "ct": 60, "pt": 1, "reason": "larger load"})

    assert done.status_code == 200, done.text
    assert sum(value or 0 for value, _ in campus.hours("p1").values()) == 44_000


def test_wrong_constant_found_later_is_right_from_the_first_day(campus: Site):
    """C16: a factor of 1,000,000 too much, corrected for the whole stay."""
    campus.conn.execute("update installation set ct = 1000, pt = 1000, max_per_hour = 100000 where point = 'p1'")
    campus.read("m1", {"09:00": 10.0, "10:00": 10.002})
    assert campus.hours("p1")["09"][0] == 2_000_000

    done = campus.ask("POST", "/ratio-corrections", json={"point": "p1", "ratio": {"denominator": 1_000_000}, "reason": "constant misread"})

    assert done.json()["version"] == 2
    assert campus.hours("p1")["09"][0] == 2


def test_moved_point_leaves_the_days_before_where_they_were(campus: Site):
    """C24: A has the days before, B those from the day on; the campus has the same."""
    campus.read("m2", {"00:00": 10.0, "12:00": 11.0, "24:00": 12.0, "36:00": 13.0, "47:00": 14.0})
    campus.hours("m2")
    sums = "select place, day::text, value from place_day where place in ('b1', 'b2', 'campus') order by 1, 2"
    before = campus.conn.execute(sums).fetchall()
    moved = campus.ask("POST", "/point-moves", json={"point": "m2", "place": "b2", "from_day": "2026-06-16", "reason": "room swap"})

    campus.hours("m2")

    assert moved.status_code == 200, moved.text
    assert before == [(place, day, 2000) for place in ("b1", "campus") for day in ("2026-06-15", "2026-06-16")]
    after = [row for row in campus.conn.execute(sums).fetchall() if row[2]]
    assert after == [
        ("b1", "2026-06-15", 2000),
        ("b2", "2026-06-16", 2000),
        ("campus", "2026-06-15", 2000),
        ("campus", "2026-06-16", 2000),
    ]


def test_what_cannot_have_been_so_is_409_and_names_every_problem(campus: Site):
    campus.read("m1", {"10:00": 5230.0})

    answer = campus.ask("POST", "/replacements", json=swap(closing={ENERGY: 5_000_000}))
    wrong = campus.ask("POST", "/replacements", json=swap(closing={}, opening={}))

    assert (answer.status_code, answer.json()["error"]["details"]["confirm"]) == (409, True)
    assert [problem.split()[0] for problem in wrong.json()["error"]["details"]["problems"]] == ["closing", "opening"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/replacements", swap()),
        ("POST", "/replacements/1/cancel", {"reason": "none"}),
        ("POST", "/findings/1/replacement", swap()),
        ("POST", "/ratio-corrections", {"point": "p1", "ratio": {}, "reason": "none"}),
        ("POST", "/ratio-changes", {"point": "p1", "at_ms": 1, "ct": 1, "pt": 1, "reason": "none"}),
        ("POST", "/point-moves", {"point": "p1", "from_day": "2026-06-15", "reason": "none"}),
        ("POST", "/gateways/gw-1/replacement", {"key": "box-gw-1-1", "person": "Li", "reason": "lightning"}),
        ("POST", "/gateways/gw-1/generations/1/acceptance", {"reason": "disk was read out"}),
        ("GET", "/site-plan", None),
    ],
)
def test_readers_change_nothing(campus: Site, method: str, path: str, body: dict[str, Any] | None):
    answer = campus.ask(method, path, permissions=["metering.read", "fleet.read"], json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "request.refused")


def test_gateway_is_replaced_and_its_old_box_accepted_over_the_api(campus: Site):
    campus.read("m1", {"09:00": 1.0})

    new = campus.ask("POST", "/gateways/gw-1/replacement", json={"key": "box-gw-1-1", "person": "Li", "reason": "lightning"}).json()
    campus.read("m1", {"10:00": 2.0})
    accepted = campus.ask("POST", "/gateways/gw-1/generations/1/acceptance", json={"reason": "disk was read out"}).json()

    assert (new["new_generation"], accepted["stored"], accepted["left"]) == (2, 1, 0)


def test_exported_plan_imports_without_a_change_over_the_api(campus: Site):
    text = campus.ask("GET", "/site-plan")

    diff = campus.ask("PUT", "/site-plan", content=text.content).json()

    assert (text.headers["content-type"].split(";")[0], diff["rows"]) == ("application/yaml", [])


def test_photo_is_served_as_what_its_bytes_are_and_nothing_else_is_kept(campus: Site):
    sha256 = campus.ask("POST", "/attachments", content=PNG, params={"name": "x.html"}).json()["sha256"]

    served = campus.ask("GET", f"/attachments/{sha256}")
    assert (served.content, served.headers["content-type"], served.headers["x-content-type-options"]) == (PNG, "image/png", "nosniff")
    assert campus.ask("POST", "/attachments", content=b"<html>").status_code == 422
    assert campus.ask("POST", "/attachments", content=PNG + bytes(8 << 20)).status_code == 422
    assert campus.ask("GET", "/attachments/nothing").status_code == 404
