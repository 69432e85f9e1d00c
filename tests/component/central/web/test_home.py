"""The home page's figures on a real database: one node's things only, nothing unknown as zero."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from central.db.pool import Connection
from central.identity.guard import Principal
from central.identity.permissions import ROLES, Role
from central.web.home import Home, load_home
from central.web.home_figures import Tile

ZONE = "Asia/Shanghai"
NOON_MS = int(datetime(2026, 11, 22, 12, 5, tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)
TODAY = date(2026, 11, 22)
Load = Callable[..., Home]


@pytest.fixture(scope="module")
def load(web: Any) -> Load:
    """`load(node, scope=None, role=Role.OPERATOR)` at noon of a day with readings of both media in building 1."""
    with web.pool.connection() as conn:
        for back, value in ((0, 1100), (1, 1000), (7, 2200)):
            add_day(conn, "b1", TODAY - timedelta(days=back), value, upto=48 if back == 0 else 96)
        counts = "insert into completeness_day (device, day, period_s, due, measured, made_up, look_at) values ('m1', %s, 900, 48, 47, 1, now())"
        conn.execute(counts, [TODAY])

    def look(node: str, scope: list[str] | None = None, role: Role = Role.OPERATOR) -> Home:
        with web.pool.connection() as conn:
            return load_home(conn, Principal("somebody", ROLES[role], scope, 1), node, ZONE, NOON_MS)

    return look


def add_day(conn: Connection, place: str, day: date, value: int, upto: int) -> None:
    """A day of electricity: `value` Wh in each of its first quarters."""
    conn.execute(
        "insert into place_day (place, medium, day, value, points, slots, known, rates) values (%s, 'electricity', %s, %s, 1, %s, %s, '{0,0,0,0,0}')",
        [place, day, value * upto, [value] * upto + [0] * (96 - upto), [1] * upto + [0] * (96 - upto)],
    )


def test_today_stands_beside_yesterday_to_the_same_minute(load: Load) -> None:
    use = load("b1").use
    assert use is not None
    electricity, water = use.media
    assert (electricity.today.value, electricity.yesterday.change_permille, electricity.last_week.change_permille) == (52_800, 100, -500)
    assert (electricity.demand, use.full_ms) == (4400, NOON_MS - 300_000)
    assert water.today.value is None
    assert use.heat[-1].hours[11:13] == [4400, None]
    assert use.heat[-3].hours == [None] * 24


def test_health_counts_what_stands_in_the_node(load: Load) -> None:
    whole, other = load("").health, load("b2").health
    assert (whole.devices, whole.online, whole.silent, whole.never, whole.gateways) == (3, 1, 1, 1, 1)
    assert (whole.due, whole.measured_bp, whole.made_up_bp) == (48, 9792, 208)
    assert whole.oldest_code == "m2"
    assert (other.devices, other.gateways, other.online_bp, other.measured_bp, other.oldest_code) == (0, 0, None, None, None)


def test_tiles_are_the_buildings_or_what_lies_below(load: Load) -> None:
    assert [(tile.code, tile.devices, tile.state) for tile in load("").tiles] == [("b1", 3, "bad"), ("b2", 0, "idle")]
    assert [tile.code for tile in load("b1").tiles] == ["b1f1"]


@pytest.mark.parametrize(
    ("online", "never", "alarms", "urgent", "state"),
    [(100, 0, 0, 0, "ok"), (94, 0, 0, 0, "warn"), (100, 0, 1, 0, "warn"), (100, 0, 1, 1, "bad"), (49, 0, 0, 0, "bad"), (0, 100, 0, 0, "idle")],
)
def test_the_state_of_a_building(online: int, never: int, alarms: int, urgent: int, state: str) -> None:
    assert Tile("b", "building", "楼", "B", 100, online, never, alarms, urgent).state == state


def test_who_sees_one_building_sees_nothing_of_the_others(load: Load) -> None:
    home = load("", ["b2"])
    assert (home.node.code, home.health.devices, [tile.code for tile in home.tiles], home.quarantined) == ("b2", 0, [], None)
    assert home.use is not None
    assert home.use.media[0].today.value is None


def test_what_the_role_may_not_see_is_left_out(load: Load) -> None:
    home = load("", role=Role.VIEWER)
    assert (home.findings, home.quarantined) == (None, None)
    assert home.alarms == []


def test_the_page_and_the_api_know_the_node(load: Load, browser: Callable[..., httpx.Client]) -> None:
    client = browser("operator")
    page = client.get("/?node=b1").text
    assert 'data-place="b1" data-node-page="/"' in page
    assert 'href="/gateways?node=b1"' in page
    assert client.get("/api/v1/home?node=b1").json()["health"]["devices"] == 3
    assert client.get("/?node=nowhere").status_code == 404


def test_the_chosen_place_stands_in_the_links_of_every_page(browser: Callable[..., httpx.Client]) -> None:
    client = browser("operator")
    assert 'href="/electricity?node=r101"' in client.get("/places/r101").text
    assert 'data-place="b2" data-node-page="/gateways"' in client.get("/gateways?node=b2").text
    assert "Gateway of building 1" not in client.get("/gateways?node=b2").text
    assert client.get("/places").headers["location"] == "/places/campus"


def test_search_answers_in_groups_and_only_with_what_may_be_seen(browser: Callable[..., httpx.Client]) -> None:
    text = browser("viewer").get("/search?q=101").text
    assert text.index("r101") < text.index("m1</span>")
    assert 'role="group"' in text
