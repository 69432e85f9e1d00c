"""The JSON API with a real token: answers, refusals, and plans that come in over it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from central.context import Central
from central.db.pool import Connection, Pool
from central.settings import Settings
from central.web.app import create_app

PERMISSIONS = ["metering.read", "fleet.read", "quarantine.read", "fleet.manage"]
Ask = Callable[..., httpx.Response]
Asking = Callable[..., Ask]


@pytest.fixture
def ask(site: Connection, pool: Pool, fresh_database: str, tmp_path: Path, asking: Asking) -> Ask:
    """`ask(method, path, permissions=[...])`: one request below /api/v1, answered by the whole application."""
    app = create_app(Central(Settings(data_dir=tmp_path), pool, time.time, fresh_database))
    return asking(app, PERMISSIONS)


def test_places_devices_and_search(ask: Ask):
    assert [place["code"] for place in ask("GET", "/places?parent=campus").json()] == ["b1", "b2"]
    page = ask("GET", "/devices?place=b1&limit=1").json()
    assert (page["total"], [row["code"] for row in page["items"]]) == (2, ["m1"])
    assert ask("GET", "/devices/m1").json()["installations"][0]["point"] == "p1"
    assert ask("GET", "/search", params={"q": "二号网关"}).json()[0]["code"] == "gw-2"
    assert ask("GET", "/overview").json()["devices"] == 3


def test_values_of_a_device(ask: Ask, site: Connection):
    site.execute("insert into series (device, quantity) values ('m1', 'voltage_a')")
    site.execute("insert into reading select id, to_timestamp(1800000000), 230000, 0 from series")

    latest = ask("GET", "/devices/m1/latest").json()
    points = ask("GET", "/devices/m1/curve", params={"quantity": "voltage_a", "from_ms": 0, "to_ms": 1_900_000_000_000}).json()

    assert latest == [{"quantity": "voltage_a", "value": 230_000, "measured_at_ms": 1_800_000_000_000, "quality": 0}]
    assert points == [{"at_ms": 1_800_000_000_000, "value": 230_000, "quality": 0}]


def test_gateways_and_quarantine(ask: Ask):
    gateways = ask("GET", "/gateways").json()

    assert [(one["code"], one["state"], one["lines"], one["devices"], one["wanted_version"]) for one in gateways] == [
        ("gw-1", "offline", 1, 2, 1),
        ("gw-2", "offline", 1, 1, 1),
    ]
    assert ask("GET", "/gateways/gw-2").json() == gateways[1]
    assert ask("GET", "/quarantine").json() == {"items": [], "total": 0, "offset": 0, "limit": 50}


@pytest.mark.parametrize("path", ["/devices/nobody", "/devices/nobody/latest", "/gateways/nobody", "/devices/m1/curve?quantity=x&from_ms=0&to_ms=1"])
def test_what_is_not_there_is_404_with_a_code(ask: Ask, path: str):
    answer = ask("GET", path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "request.not_found")


def test_bad_plan_is_422_with_its_line(ask: Ask, plan: str, site: Connection):
    answer = ask("PUT", "/site-plan?name=new.yaml", content=plan.replace("place: b2}", "place: b9}").encode())

    assert answer.status_code == 422
    assert "new.yaml:28: place 'b9' does not exist" in answer.json()["error"]["message"]
    assert site.execute("select count(*) from site_plan").fetchone() == (1,)


def test_plan_is_previewed_and_then_imported(ask: Ask, plan: str, site: Connection):
    text = plan[: plan.index("gateways:")] + "gateways: []\n"

    preview = ask("PUT", "/site-plan?preview=true", content=text.encode()).json()
    done = ask("PUT", "/site-plan", content=text.encode()).json()

    assert (preview["removed"], preview["version"], done["removed"], done["version"]) == (10, None, 10, 2)
    assert site.execute("select actor like 'token:%' from site_plan where version = 2").fetchone() == (True,)


def test_reading_permission_does_not_import_plans(ask: Ask, plan: str):
    answer = ask("PUT", "/site-plan", permissions=["metering.read"], content=plan.encode())

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "request.refused")
