"""What is measured of the console: addresses at reference size, and what a person looks for on each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from central.db.pool import Connection
from tests.bench.console.browser import Wanted

FIGURES = ".strip .figure"
ROWS = ".table-body tbody td"


@dataclass(frozen=True, slots=True)
class Spots:
    """Places and devices the tour visits: a dormitory with a floor and a room in it, a meter with readings in that building, a gateway."""

    building: str
    floor: str
    room: str
    meter: str
    gateway: str

    @property
    def way(self) -> tuple[str, str, str]:
        """Building, floor, room."""
        return self.building, self.floor, self.room


def spots(conn: Connection) -> Spots:
    """The same ones in every filled database: the largest dormitory's third floor."""
    row = conn.execute(
        "with big as (select above as code from place_within join place as p on p.code = above and p.kind = 'building' "
        "   group by 1 order by count(*) desc, 1 limit 1), "
        "story as (select code from place where parent = (select code from big) and kind = 'floor' order by position limit 1 offset 2) "
        "select (select code from big), (select code from story), "
        "(select code from place where parent = (select code from story) order by position limit 1), "
        "(select i.device from installation as i join device as d on d.code = i.device join place_within as w on w.place = d.place "
        "   join series as s on s.device = i.device and s.quantity = 'power_active' where w.above = (select code from big) order by 1 limit 1), "
        "(select code from gateway order by position limit 1 offset 30)"
    ).fetchone()
    assert row is not None
    return Spots(*row)


def first_pages(at: Spots) -> Mapping[str, tuple[str, Wanted]]:
    """Name -> address and what makes it useful."""
    return {
        "home": ("/", Wanted(FIGURES, drawn="#home-heat-chart canvas")),
        "electricity": ("/electricity?node=campus", Wanted(FIGURES, drawn="#course canvas")),
        "water": ("/water?node=campus", Wanted(FIGURES, drawn="#course canvas")),
        "places": ("/places/campus", Wanted(ROWS)),
        "alarms": ("/alarms", Wanted("#alarm-list .alarms li")),
        "gateways": ("/gateways", Wanted("#gateway-table tbody td")),
        "meter": (f"/devices/{at.meter}", Wanted(FIGURES)),
        "meter's year": (f"/devices/{at.meter}?tab=consumption&period=year", Wanted(FIGURES, drawn="#course canvas")),
    }


def direct(at: Spots) -> Mapping[str, str]:
    """Name -> address whose server time is taken by itself."""
    return {
        "home": "/",
        "home of a building": f"/?node={at.building}",
        "electricity, campus": "/electricity?node=campus",
        "electricity, building": f"/electricity?node={at.building}",
        "electricity, floor": f"/electricity?node={at.floor}",
        "electricity, room": f"/electricity?node={at.room}",
        "electricity, campus, year": "/electricity?node=campus&period=year",
        "electricity, campus, by use": "/electricity?node=campus&tab=items",
        "electricity, campus, top of 12,605 points": "/electricity?node=campus&tab=ranking&by=point",
        "electricity, campus, heat map": "/electricity?node=campus&tab=heat",
        "electricity, campus, its meters": "/electricity?node=campus&tab=devices",
        "electricity, campus, flow": "/electricity?node=campus&tab=flow",
        "water, campus": "/water?node=campus",
        "water, leaks": "/water/leaks",
        "places, campus": "/places/campus",
        "places, campus, 13,760 devices by place": "/places/campus?sort=place",
        "places, campus, the 200th page": "/places/campus?offset=10000",
        "alarms": "/alarms",
        "alarms, 12,000 of the past": "/alarms?tab=history",
        "gateways": "/gateways",
        "a gateway": f"/gateways/{at.gateway}",
        "meter": f"/devices/{at.meter}",
        "meter's year": f"/devices/{at.meter}?tab=consumption&period=year",
        "search": "/search?q=301",
        "branch of the tree": f"/tree/{at.building}",
        "waste": "/waste",
    }


def clicked(at: Spots) -> list[str]:
    """What an operator's shift goes through."""
    nodes = ("campus", *at.way)
    return [
        "/",
        *(f"/electricity?node={node}" for node in nodes),
        "/alarms",
        *(f"/places/{node}" for node in nodes),
        f"/water?node={at.building}",
        "/gateways",
        f"/devices/{at.meter}",
    ]
