"""The page of a device, tab by tab, and the forms about a meter, over a day whose readings can be reckoned by hand.

m1 (CT 40) is read every 15 minutes since the day before yesterday and rises 10 Wh each time; one reading of yesterday cannot be true.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import orjson
import pytest

from central.consumption.dirty import note_dirty
from central.consumption.work import work_off
from central.db.pool import connect
from central.identity.accounts import add_account
from central.identity.permissions import Role
from central.metering.correct_ratio import Correction, Ratio, correct_ratio

PASSWORD = "seven green kettles"
ZONE = ZoneInfo("Asia/Shanghai")
REGISTER = "energy_active_forward"
QUARTERS = 96
DAY_WH = QUARTERS * 10 * 40


def quarter_s(web, quarters: int) -> float:
    """So many quarters of an hour after yesterday's first instant."""
    yesterday = datetime.fromtimestamp(web.clock.now, ZONE).date() - timedelta(days=1)
    return datetime(yesterday.year, yesterday.month, yesterday.day, tzinfo=ZONE).timestamp() + 900 * quarters


def yesterday_of(web) -> date:
    return datetime.fromtimestamp(quarter_s(web, 0), ZONE).date()


@pytest.fixture(scope="module")
def web(database, serve, import_site):
    with serve(database) as web:
        with connect(database) as conn:
            import_site(conn)
            conn.execute("update installation set installed_at = to_timestamp(%s)", [quarter_s(web, -QUARTERS)])
            conn.execute(
                "insert into series (device, quantity) values ('m1', %s), ('m1', 'status_word_1'), ('m1', %s)", [REGISTER, f"{REGISTER}_daily"]
            )
            series = dict(conn.execute("select quantity, id from series").fetchall())
            rows = [(series[REGISTER], quarter_s(web, n), 1_000_000 + 10 * n) for n in range(-QUARTERS, QUARTERS + 1)]
            rows += [(series[REGISTER], quarter_s(web, 40) + 60, 5), (series["status_word_1"], quarter_s(web, 0), 4)]
            rows += [(series[f"{REGISTER}_daily"], quarter_s(web, 0), 1_000_000)]
            with conn.cursor() as cursor:
                cursor.executemany("insert into reading values (%s, to_timestamp(%s), %s, 0)", rows)
            stood = datetime.fromtimestamp(quarter_s(web, -QUARTERS), ZONE)
            note_dirty(conn, ["m1"], stood, None, "test")
            conn.commit()
            work_off(conn)
            conn.execute(
                "insert into device (code, profile, kind, address, place, gateway, line, name_zh, name_en, position) "
                "values ('k1', 'generic/lighting_relay_4ch', 'relay', '5', 'r101', 'gw1', 'l1', 'k1', 'k1', 9)"
            )
            _tell(conn, web)
            for role in Role:
                add_account(conn, f"the-{role}", PASSWORD, role, web.clock.now)
            add_account(conn, "elsewhere", PASSWORD, Role.OPERATOR, web.clock.now, places=["b2"])
        yield web


def _tell(conn, web) -> None:
    """What gateway, completeness, alarms and events know of m1."""
    device = {"id": "m1", "exchanges": 200, "timeouts": 5, "damaged": 1, "delay_ms": 87}
    counters = dict.fromkeys(("exchanges", "timeouts", "checksum_errors", "noise_bytes", "useful_bytes", "busy_ms", "utilisation_permille"), 0)
    health = {"at_ms": int(web.clock.now * 1000), "lines": [{"id": "l1", "state": "open", **counters, "devices": [device]}]}
    conn.execute("insert into gateway_status (gateway, state, health) values ('gw1', 'online', %s)", [orjson.dumps(health).decode()])
    conn.execute(
        "insert into completeness_day (device, day, period_s, due, measured, made_up, looked_at, look_at) "
        "values ('m1', %s, 900, 96, 94, 1, now(), now())",
        [yesterday_of(web)],
    )
    conn.execute(
        "insert into event (code, at, severity, device, message) values ('meter.meter_cover_open', now(), 'error', 'm1', 'logged <now>'), "
        "('device.silent', now(), 'warning', 'm1', 'x')"
    )
    conn.execute(
        "insert into alarm (rule, kind, subject, severity, name_zh, name_en, value, over_since, raised_at, place) "
        "values ('device_silent', 'device', 'm1', 'general', 'm1', 'm1', 1, now(), now(), 'r101')"
    )


def page(browser, path: str, role: str = "viewer", language: str = "en") -> str:
    answer = browser(role, language).get(path)
    assert answer.status_code == 200, answer.text
    return answer.text.split("<main", 1)[1].split("</main>", 1)[0]


def text_of(page: str) -> str:
    """What a person reads."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("tab", ["overview", "consumption", "readings", "history", "communication", "health", "nonsense"])
def test_every_tab_of_every_kind_of_device_is_whole(browser, tab, language):
    client = browser("admin", language)
    client.timeout = 60  # the first page of all compiles every template
    for device in ("m1", "m3", "k1"):
        assert client.get(f"/devices/{device}?tab={tab}").status_code == 200


def test_overview_says_the_register_when_the_next_is_due_and_what_is_wrong(browser, web):
    shown = page(browser, "/devices/m1")
    due = datetime.fromtimestamp(quarter_s(web, QUARTERS + 1), ZONE)
    assert f'data-quantity="{REGISTER}"' in shown.split("</section>")[0]
    assert "1,000.96" in shown.split("</section>")[0]
    assert f"{due:%Y-%m-%d %H:%M:%S}" in shown
    assert "Clock battery low" in shown
    assert re.search(r'href="/alarms/\d+"', shown)


def test_freezes_are_no_values_of_now(browser):
    assert "daily freeze" not in page(browser, "/devices/m1").split('id="values-title"')[1].split("</table>")[0]
    assert "Forward active energy, daily freeze" not in page(browser, "/devices/m3?tab=readings")
    assert "1,000.00" in page(browser, "/devices/m1?tab=readings").split('id="freezes-title"')[1]


def test_consumption_of_a_day_stands_in_quarters_and_its_sum_beside_the_day_before(browser, web):
    day = yesterday_of(web)
    shown = page(browser, f"/devices/m1?tab=consumption&period=day&at={day}&compare=previous")
    chart = orjson.loads(re.search(r'id="course-data">(.*?)</script>', shown, re.S)[1])
    assert chart["categories"][:2] == ["00:00", "00:15"]
    assert [len(series["values"]) for series in chart["series"]] == [QUARTERS, QUARTERS]
    assert chart["series"][0]["values"][50] == pytest.approx(0.4)
    assert "38.4 kWh" in text_of(shown)
    assert "= unchanged" in text_of(shown)


def test_consumption_of_a_year_stands_in_months_that_lead_on(browser, web):
    shown = page(browser, f"/devices/m1?tab=consumption&period=year&at={yesterday_of(web)}")
    chart = orjson.loads(re.search(r'id="course-data">(.*?)</script>', shown, re.S)[1])
    assert len(chart["categories"]) == 12
    assert "period=month" in chart["hrefs"][0]
    assert "tab=consumption" in chart["hrefs"][0]


def test_series_of_a_point_is_the_same_over_the_api(browser, web):
    day = yesterday_of(web)
    asked = {"from": f"{day}", "to": f"{day}", "step": "day", "beside": "previous"}
    found = browser("viewer").get("/api/v1/points/m1/series", params=asked).json()
    assert found["total"] == {"value": DAY_WH, "coverage": 1.0, "quality": "measured", "reason": None}
    assert (found["base_items"][0]["value"], found["comparison"]["change_permille"]) == (DAY_WH, 0)


def test_readings_show_the_one_that_cannot_be_true_and_what_was_counted(browser, web):
    shown = page(browser, f"/devices/m1?tab=readings&period=day&at={yesterday_of(web)}")
    said = text_of(shown)
    assert "far below the readings before and after" in said
    assert shown.count("does not count</span>") == 2  # among the readings of the day, and by itself
    assert "38.00 kWh × 40" in said  # 95 steps between its first and last reading
    assert "38.40 kWh" in said


def test_history_has_factors_events_in_words_and_alarms(browser, web):
    with web.pool.connection() as conn:
        correct_ratio(conn, Correction(point="m2", ratio=Ratio(ct=5), reason="wrong plate"), "Li", int(web.clock.now * 1000))
    said = text_of(page(browser, "/devices/m2?tab=history"))
    assert "corrected from CT 1 · PT 1 to CT 5 · PT 1 · Li · wrong plate" in said
    shown = page(browser, "/devices/m1?tab=history")
    assert "Meter cover opened" in shown
    assert "the device stopped answering" in shown
    assert "logged &lt;now&gt;" in shown
    assert re.search(r'href="/alarms/\d+"', shown)
    assert "/devices/m1/replace" not in shown


def test_communication_says_what_is_there_and_how_exchanges_go(browser, web):
    said = text_of(page(browser, "/devices/m1?tab=communication"))
    for fact in ("97.9 %", "94 of 96 readings", "1 made up later", "2.5 %", "87 ms"):
        assert fact in said, fact
    found = browser("viewer").get("/api/v1/devices/m1/communication").json()
    assert (found["every_s"], found["week_due"], found["told"]["timeouts"]) == (900, 96, 5)
    assert "not among them" in page(browser, "/devices/m2?tab=communication")


def test_api_has_what_the_page_shows(browser, web):
    client = browser("viewer")
    assert client.get("/api/v1/devices/m1/factors").json()[0]["ct"] == 40
    assert {event["code"] for event in client.get("/api/v1/devices/m1/events").json()} == {"meter.meter_cover_open", "device.silent"}
    assert client.get("/api/v1/devices/m1/freezes").json()[0]["values"][0]["value"] == 1_000_000
    window = {"from_ms": int(quarter_s(web, 0) * 1000), "to_ms": int(quarter_s(web, QUARTERS) * 1000)}
    [judged] = client.get("/api/v1/devices/m1/judged-readings", params=window).json()
    assert (judged["value"], judged["verdict"]) == (5, "rejected")
    readings = client.get("/api/v1/devices/m1/register-readings", params={**window, "quantity": REGISTER}).json()
    assert len(readings) == QUARTERS + 1
    day = yesterday_of(web)
    assert client.get("/api/v1/points/m1/registers", params={"from": f"{day}", "to": f"{day}"}).json()[0]["value"] == DAY_WH


def test_who_may_see_another_building_sees_nothing_of_it(web, sign_in):
    with httpx.Client(base_url=web.url, headers={"accept": "text/html"}) as client:
        assert sign_in(client, "elsewhere").status_code == 303
        for path in ("/devices/m1", "/devices/m1?tab=consumption", "/devices/m1/replace", "/devices/m1/ratio", "/api/v1/devices/m1/events"):
            assert client.get(path).status_code == 404, path


@pytest.mark.parametrize("path", ["/devices/m1/replace", "/devices/m1/ratio"])
def test_forms_are_for_those_who_may_change_meters(browser, path):
    assert browser("viewer").get(path).status_code == 403
    assert browser("operator").get(path).status_code == 200


def form_of(web, client, csrf_of, **changes: str) -> dict[str, str]:
    shown = client.get("/devices/m1/replace")
    at = f"{datetime.fromtimestamp(quarter_s(web, QUARTERS) + 60, ZONE):%Y-%m-%dT%H:%M}"
    key = re.search(r'name="key" value="([^"]+)"', shown.text)
    assert key
    typed = {
        "removed_at": at,
        "installed_at": at,
        "closing": "1000.97",
        "opening": "0.50",
        "address": "9",
        "person": "Wang",
        "reason": "display dark",
    }
    return {"csrf": csrf_of(shown), "key": key[1]} | typed | changes


def test_replacement_shows_first_what_would_follow_and_changes_nothing(web, browser, csrf_of):
    client = browser("operator")
    answer = client.post("/devices/m1/replace", data=form_of(web, client, csrf_of) | {"do": "preview"})
    assert answer.status_code == 200
    assert "1,000.970" in answer.text
    assert 'value="confirm"' in answer.text
    assert client.get("/api/v1/replacements?device=m1").json() == []


def test_replacement_that_is_hard_to_believe_needs_a_word(web, browser, csrf_of):
    client = browser("operator")
    answer = client.post("/devices/m1/replace", data=form_of(web, client, csrf_of, closing="900") | {"do": "preview"})
    assert answer.status_code == 422
    assert 'name="confirmed"' in answer.text
    answer = client.post("/devices/m1/replace", data=form_of(web, client, csrf_of, closing="900", confirmed="1") | {"do": "preview"})
    assert answer.status_code == 200


@pytest.mark.parametrize(("field", "text"), [("closing", "9 kWh"), ("removed_at", "noon"), ("address", "A9")])
def test_what_is_typed_wrongly_is_shown_at_its_field(web, browser, csrf_of, field, text):
    client = browser("operator")
    answer = client.post("/devices/m1/replace", data=form_of(web, client, csrf_of, **{field: text}) | {"do": "preview"})
    assert answer.status_code == 422
    assert re.search(rf'name="{field}"[^>]*aria-invalid="true"', answer.text)


def test_ratio_is_corrected_after_it_was_shown(web, browser, csrf_of):
    client = browser("operator")
    shown = client.get("/devices/m3/ratio")
    stay = re.search(r'<option value="(\d+)"', shown.text)
    assert stay
    form = {"csrf": csrf_of(shown), "installation": stay[1], "ct": "30", "reason": "wrong plate"}
    preview = client.post("/devices/m3/ratio", data=form | {"do": "preview"})
    assert "<b>CT 30 · PT 1</b>" in preview.text
    assert client.get("/api/v1/devices/m3/factors").json()[0]["ct"] == 1
    assert client.post("/devices/m3/ratio", data=form | {"do": "confirm"}).headers["location"] == "/devices/m3?tab=history"
    assert client.get("/api/v1/devices/m3/factors").json()[0]["ct"] == 30


def test_ratio_of_another_meter_is_not_corrected_from_here(web, browser, csrf_of):
    client = browser("operator")
    shown = client.get("/devices/m3/ratio")
    other = client.get("/api/v1/devices/m2/factors").json()[0]["installation"]
    form = {"csrf": csrf_of(shown), "installation": f"{other}", "ct": "30", "reason": "wrong plate", "do": "confirm"}
    assert client.post("/devices/m3/ratio", data=form).status_code == 422


def test_meter_is_replaced_as_shown_and_its_page_leads_to_the_new_one(web, browser, csrf_of):
    client = browser("operator")
    form = form_of(web, client, csrf_of)
    done = client.post("/devices/m1/replace", data=form | {"do": "confirm"})
    assert (done.status_code, done.headers["location"]) == (303, "/devices/m1-2?tab=history")
    assert client.post("/devices/m1/replace", data=form | {"do": "confirm"}).status_code == 409  # m1 stands nowhere now
    [logged] = client.get("/api/v1/replacements?device=m1").json()
    assert (logged["closing"], logged["opening"], logged["person"]) == ({REGISTER: 1_000_970}, {REGISTER: 500}, "Wang")
    assert 'href="/devices/m1-2"' in client.get("/devices/m1?tab=history").text
    assert "the device stood there before" in client.get("/devices/m1?tab=consumption").text


def test_device_is_switched_only_after_its_code_was_typed(web, browser, csrf_of):
    client = browser("operator")
    assert "/devices/k1/switch" in client.get("/devices/k1").text
    assert "/devices/m2/switch" not in client.get("/devices/m2").text
    form = {"csrf": csrf_of(client.get("/devices/k1/switch")), "command": "relay_1_on"}
    preview = client.post("/devices/k1/switch", data=form)
    key = re.search(r'name="key" value="([^"]+)"', preview.text)
    assert key
    form |= {"key": key[1], "do": "confirm", "reason": "lights on", "typed": "k2"}
    refused = client.post("/devices/k1/switch", data=form)
    assert refused.status_code == 422
    assert client.get("/api/v1/devices/k1/commands").json() == []
    assert client.post("/devices/k1/switch", data=form | {"typed": "k1"}).status_code == 303
    [command] = client.get("/api/v1/devices/k1/commands").json()
    assert (command["kind"], command["arguments"]["command"], command["reason"]) == ("switch", "relay_1_on", "lights on")
    assert 'hx-trigger="every 1s"' in client.get("/devices/k1/switch").text


def test_switching_is_for_operators_with_a_second_factor(browser):
    assert browser("viewer").get("/devices/k1/switch").status_code == 403
    assert browser("operator", factor=False).get("/devices/k1/switch").status_code in (303, 403)
