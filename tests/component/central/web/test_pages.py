"""Pages and fragments as a browser gets them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import orjson
import pytest

from central.db.pool import connect
from central.identity.accounts import add_account
from central.identity.permissions import Role
from central.web.static_files import STATIC_DIR

Browser = Callable[..., httpx.Client]
HTMX = {"hx-request": "true"}
BUDGET_BYTES = 700_000  # everything a device page makes a browser fetch, chart library included
SCRIPTS = sorted((STATIC_DIR / "js").glob("*.js"))
PAGES = [
    "/",
    "/places/campus",
    "/places/r101",
    "/devices/m1",
    "/devices/m1?view=table",
    "/devices/m3",
    "/gateways",
    "/gateways/gw1",
    "/quarantine",
    "/audit",
    "/accounts",
]


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_page_is_whole_in_both_languages(browser: Browser, path: str, language: str) -> None:
    page = browser("admin", language).get(path)
    assert page.status_code == 200, page.text
    assert f'<html lang="{language}"' in page.text
    assert page.text.count("<main") == page.text.count("<h1>") == 1


def test_language_is_remembered(browser: Browser) -> None:
    client = browser("viewer", "en")
    assert "Devices online" in client.get("/").text
    answer = client.get("/language/zh_CN?next=/gateways")
    assert answer.headers["location"] == "/gateways"
    assert "在线设备" in client.get("/").text


def test_htmx_gets_the_content_alone_and_the_address_the_whole_page(browser: Browser) -> None:
    client = browser("viewer")
    part = client.get("/places/campus", headers={**HTMX, "hx-target": "content"}).text
    assert part.lstrip().startswith("<title>")
    assert "<html" not in part
    whole = client.get("/places/campus", headers={**HTMX, "hx-target": "content", "hx-history-restore-request": "true"}).text
    assert "<html" in whole


def test_overview_counts_and_names_the_device_silent_longest(browser: Browser) -> None:
    text = browser("operator").get("/").text
    assert re.search(r'id="devices-online">[\d.]+<small> %', text)
    assert "Main meter of floor 1" in text


def test_tree_opens_along_the_way_to_a_place_and_nowhere_else(browser: Browser) -> None:
    text = browser("viewer").get("/tree?at=r101", headers=HTMX).text
    assert re.findall(r'data-place="(\w+)"', text) == ["campus", "b1", "b1f1", "r101", "b2"]
    assert 'data-place="r101" hx-boost="true"' in text
    assert re.search(r'data-place="r101"[^>]*aria-current="page"', text)


def test_branch_is_fetched_when_it_is_opened(browser: Browser) -> None:
    assert re.findall(r'data-place="(\w+)"', browser("viewer").get("/tree/b1", headers=HTMX).text) == ["b1f1"]


@pytest.mark.parametrize(
    ("query", "devices"),
    [
        ("", ["m1", "m2", "m3"]),
        ("f.q=101", ["m1"]),
        ("f.q=%25", []),
        ("f.state=silent", ["m2"]),
        ("f.state=never", ["m3"]),
        ("f.kind=water_meter", []),
        ("f.gateway=GW1&f.maker=adl400", ["m1", "m2", "m3"]),
        ("f.maker=sensus", []),
        ("sort=address&desc=1", ["m3", "m2", "m1"]),
        ("sort=seen", ["m2", "m1", "m3"]),
        ("sort=state", ["m3", "m2", "m1"]),
        ("offset=2", ["m3"]),
        ("offset=99", ["m1", "m2", "m3"]),
        ("sort=drop+table&f.state=nonsense&offset=-1&cols=nonsense", ["m1", "m2", "m3"]),
    ],
)
def test_device_table_filters_sorts_and_pages_on_the_server(browser: Browser, query: str, devices: list[str]) -> None:
    text = browser("viewer").get(f"/places/campus?{query}", headers={**HTMX, "hx-target": "table-devices-body"}).text
    assert re.findall(r'<th scope="row"[^>]*><a href="/devices/(\w+)"', text) == devices
    assert "<main" not in text


def test_empty_filter_says_what_to_do_next(browser: Browser) -> None:
    text = browser("viewer").get("/places/campus?f.q=zzz").text
    assert "Show all" in text
    assert "<b>zzz</b>" in text


def test_device_page_says_what_it_is_and_what_it_shows(browser: Browser) -> None:
    text = browser("viewer").get("/devices/m1").text
    for fact in ("CT 40 · PT 1", "gw1</a> / l1", "Building 1", "1,234.57", "1,234,567\u202fWh", 'title="1,234.567\u202fkWh"'):
        assert fact in text, fact


def test_device_page_shows_registers_of_its_stays_and_who_replaced_it(browser: Browser, web: Any) -> None:
    with web.pool.connection() as conn:
        conn.execute("update installation set opening = '{\"energy_active_forward\": 12300}' where device = 'm1'")
        conn.execute(
            "insert into replacement (key, digest, point, old_device, new_device, old_installation, removed_at, installed_at, closing, opening, "
            "photos, person, reason, actor, request, answer) "
            "select 'replace-1', '', point, device, device, id, now(), now(), '{}', '{}', array['ab'], "
            "'Wang <b>', 'display dark', 'x', '{}', '{}' from installation where device = 'm1'"
        )
    text = browser("viewer").get("/devices/m1?tab=history").text
    for fact in ("Opening register", "12.300\u202fkWh", "stands there", "Wang &lt;b&gt;", "display dark", 'href="/api/v1/attachments/ab"'):
        assert fact in text, fact


def test_curve_alone_comes_as_a_table_of_its_day(browser: Browser, web: Any) -> None:
    day = datetime.fromtimestamp(web.clock.now - 25 * 60, ZoneInfo("Asia/Shanghai")).date()
    asked = {"day": day.isoformat(), "quantity": "energy_active_forward", "view": "table"}
    text = browser("viewer").get("/devices/m1", params=asked, headers={**HTMX, "hx-target": "curve"}).text
    assert text.lstrip().startswith('<section class="panel" id="curve"')
    assert "1,234.50" in text
    assert "expected every 15 minutes" in text


def test_day_without_readings_is_missing_and_not_zero(browser: Browser) -> None:
    text = browser("viewer").get("/devices/m1?day=2001-01-01&quantity=energy_active_forward").text
    assert "Missing is not zero" in text
    assert 'class="chart"' not in text


def test_device_never_heard_says_where_to_look(browser: Browser) -> None:
    assert "Check that the gateway is online" in browser("viewer").get("/devices/m3").text


@pytest.mark.parametrize(("q", "target"), [("m1", "/devices/m1"), ("一号楼", "/places/b1"), ("gw1", "/gateways/gw1")])
def test_search_leads_to_the_thing(browser: Browser, q: str, target: str) -> None:
    assert f'href="{target}"' in browser("viewer").get("/search", params={"q": q}, headers=HTMX).text


def test_search_tells_rooms_of_one_name_apart(browser: Browser) -> None:
    assert "<small>North campus › Building 1 › Floor 1</small>" in browser("viewer").get("/search?q=r101", headers=HTMX).text


def test_what_people_type_comes_back_as_text(browser: Browser) -> None:
    client = browser("admin")
    for path in ("/search", "/places/campus", "/audit"):
        text = client.get(path, params={"q": '"><img src=x>'}).text
        assert "<img src=x" not in text


@pytest.mark.parametrize("path", ["/places/nope", "/devices/nope", "/nothing"])
def test_missing_thing_is_a_page_with_a_request_id(browser: Browser, path: str) -> None:
    page = browser("viewer").get(path)
    assert page.status_code == 404
    assert page.headers["x-request-id"] in page.text


def test_bad_parameter_is_refused_as_a_page(browser: Browser) -> None:
    assert browser("viewer").get("/devices/m1?day=yesterday").status_code == 422


def test_administrator_makes_and_revokes_a_token(browser: Browser) -> None:
    client = browser("admin")
    token = re.search(r'name="csrf" content="(\w+)"', client.get("/accounts").text)
    assert token
    form = {"csrf": token.group(1), "name": "reports", "permissions": ["metering.read", "reports.read"]}
    assert 'id="new-token"' in client.post("/accounts/tokens", data=form).text
    assert "The name is taken" in client.post("/accounts/tokens", data=form).text
    assert "reports" not in client.post("/accounts/tokens/revoke", data={"csrf": form["csrf"], "name": "reports"}).text.split("<fieldset")[0]


def test_missing_libraries_are_named_on_every_page(
    clone: Callable[..., str], serve: Callable[..., Any], sign_in: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("central.web.vendor.missing", lambda: ["htmx.min.js"])
    with serve(clone()) as bare, httpx.Client(base_url=bare.url, headers={"accept": "text/html"}) as client:
        with bare.pool.connection() as conn:
            add_account(conn, "boss", "seven green kettles", Role.ADMIN, bare.clock.now)
        sign_in(client, "boss")
        assert "htmx.min.js" in client.get("/").text.partition('role="alert"')[2].partition("</p>")[0]


@pytest.mark.parametrize(("language", "word"), [("zh-CN", "合闸"), ("en", "switched on")])
def test_state_is_a_word_of_the_readers_language(browser: Browser, web: Any, insert_reading: Callable[..., None], language: str, word: str) -> None:
    at_s = web.clock.now - 7 * 86_400 - len(word)  # a moment of its own in each language
    week_ago = datetime.fromtimestamp(at_s, ZoneInfo("Asia/Shanghai")).date()
    with web.pool.connection() as conn:
        insert_reading(conn, "m2", "relay_10", at_s, 1)
        insert_reading(conn, "m2", "relay_2", at_s, 0)
    text = browser("viewer", language).get(f"/devices/m2?quantity=relay_10&day={week_ago}").text
    assert f'title="1">{word}</span>' in text
    assert text.index('data-quantity="relay_2"') < text.index('data-quantity="relay_10"')
    assert f'"1": "{word}"'.encode("unicode_escape" if language == "zh-CN" else "ascii").decode() in text


def test_value_before_the_transformers_says_so(browser: Browser) -> None:
    assert "CT × PT = 40 times" in browser("viewer").get("/devices/m1").text
    assert "CT × PT" not in browser("viewer").get("/devices/m2").text.partition('id="values-title"')[2]


def test_device_its_gateway_set_aside_says_so(browser: Browser, web: Any) -> None:
    line = {"id": "l1", "state": "open", "exchanges": 1, "timeouts": 1, "checksum_errors": 0, "noise_bytes": 0, "utilisation_permille": 5}
    health = {"at_ms": 1, "uptime_s": 1, "backlog_batches": 0, "backlog_bytes": 0, "outbox_bytes": 0, "lines": [{**line, "quarantined": ["m2"]}]}
    with web.pool.connection() as conn:
        conn.execute(
            "insert into gateway_status (gateway, state, health) values ('gw1', 'online', %s) on conflict (gateway) do update "
            "set state = excluded.state, health = excluded.health",
            [orjson.dumps(health).decode()],
        )
    assert "has set this device aside" in browser("viewer").get("/devices/m2").text
    assert "has set this device aside" not in browser("viewer").get("/devices/m1").text
    assert 'href="/devices/m2"' in browser("viewer").get("/gateways/gw1").text


def test_gateways_are_filtered_on_the_server(browser: Browser) -> None:
    part = browser("viewer").get("/gateways?q=nothing-like-it", headers={**HTMX, "hx-target": "gateway-table"}).text
    assert "No gateway matches" in part
    assert "<main" not in part


def test_console_costs_less_than_its_byte_budget(browser: Browser, web: Any) -> None:
    client = browser("viewer")
    page = client.get("/devices/m1")
    files = set(re.findall(r"/static/[0-9a-f]+/[\w./-]+", page.text)) | {web.app.state.renderer.static(f"js/{path.name}") for path in SCRIPTS}
    sizes = {file: len(b"".join(_raw(client, file))) for file in files | {"/devices/m1"}}
    assert sum(sizes.values()) <= BUDGET_BYTES, sizes


def _raw(client: httpx.Client, path: str) -> list[bytes]:
    """The bytes on the wire, still compressed."""
    with client.stream("GET", path) as answer:
        assert answer.status_code == 200, path
        return list(answer.iter_raw())


def test_gateway_page_tells_completeness_gaps_and_clock(browser: Browser, database: str) -> None:
    with connect(database) as conn:
        told = "on conflict (gateway) do update set clock_offset_ms = 420000, clock_alarm_at = now()"
        conn.execute("insert into gateway_status (gateway, clock_offset_ms, clock_alarm_at) values ('gw1', 420000, now()) " + told)
        conn.execute("insert into ack_cursor (gateway, generation, epoch, received) values ('gw1', 9, 5, '{[1,3],[6,9]}')")
        figures = "values ('m1', (now() at time zone 'Asia/Shanghai')::date, 900, 96, 90, 4, now(), now()) on conflict do nothing"
        conn.execute("insert into completeness_day (device, day, period_s, due, measured, made_up, looked_at, look_at) " + figures)
    page = browser("viewer").get("/gateways/gw1", headers={"accept-language": "en"}).text

    assert "93.75" in page
    assert "97.92" in page
    assert "7 minutes ahead" in page
    assert re.search(r"Messages missing</dt><dd>2", page)
