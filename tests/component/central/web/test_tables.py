"""Tables as a browser and a program use them: columns, saved filters, selections, downloads."""

from __future__ import annotations

import csv
import re
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from central.batches.work import work_turn
from central.exports.work import work_once
from central.web.table_list import TABLES

Browser = Callable[..., httpx.Client]
HTMX = {"hx-request": "true", "hx-target": "table-devices-body"}
STOP = threading.Event()
WHERE = {"node": "campus", "c.first": "2026-11-01", "c.last": "2026-11-30"}  # what some pages add to their tables


@pytest.fixture
def posted(csrf_of: Callable[[httpx.Response], str]) -> Callable[..., httpx.Response]:
    """`posted(client, path, {...})`: a form sent with the page's CSRF token."""

    def post(client: httpx.Client, path: str, form: dict[str, Any]) -> httpx.Response:
        return client.post(path, data={**form, "csrf": csrf_of(client.get("/places/campus"))})

    return post


def heads(page: httpx.Response) -> list[str]:
    found = re.findall(r'<th scope="col" class="(?!pick)[^>]*>(.*?)</th>', page.text, re.DOTALL)
    return [re.sub(r"<[^>]+>", "", head).strip() for head in found]


def test_head_says_how_it_is_sorted_and_links_turn_it_round(browser: Browser) -> None:
    page = browser("viewer").get("/places/campus?sort=address&f.kind=electricity_meter", headers=HTMX).text
    head = re.search(r'<th scope="col"[^>]*aria-sort="ascending"><a href="([^"]+)">Address', page)
    assert head
    assert parse_qs(urlsplit(head[1].replace("&amp;", "&")).query) == {"f.kind": ["electricity_meter"], "sort": ["address"], "desc": ["1"]}
    assert "1–3 of 3" in page


def test_columns_are_kept_for_the_account_and_stand_in_the_address(browser: Browser, posted: Callable[..., httpx.Response]) -> None:
    client = browser("operator")
    answer = posted(client, "/tables/devices/columns", {"address": "/places/campus?f.q=m1&offset=50", "columns": ["address", "code"]})
    assert answer.headers["location"] == "/places/campus?f.q=m1&cols=code%2Caddress"
    assert heads(client.get("/places/b1", headers=HTMX)) == ["Name", "Address"]
    assert heads(client.get("/places/b1?cols=state", headers=HTMX)) == ["State"]
    assert "Place" in heads(browser("viewer").get("/places/b1", headers=HTMX))
    posted(client, "/tables/devices/columns", {"address": "/places/campus", "usual": "true"})
    assert "Place" in heads(client.get("/places/b1", headers=HTMX))


@pytest.mark.parametrize("address", ["//evil.example/x", "https://evil.example", "/\\evil.example"])
def test_a_form_never_leads_off_the_server(browser: Browser, posted: Callable[..., httpx.Response], address: str) -> None:
    assert posted(browser("viewer"), "/tables/devices/columns", {"address": address}).headers["location"] == "/"


def test_saved_filters_are_listed_used_renamed_and_deleted(browser: Browser, posted: Callable[..., httpx.Response]) -> None:
    client = browser("operator")
    posted(client, "/tables/devices/views", {"address": "/places/campus?f.state=silent&sort=seen&node=x&evil=1", "name": " Silent  ones "})
    page = client.get("/places/b1").text
    assert 'href="/places/b1?f.state=silent&amp;sort=seen" hx-target="#content">Silent ones</a>' in page
    number = client.get("/api/v1/tables/devices/views").json()[0]["id"]
    other = browser("viewer")
    assert other.get("/api/v1/tables/devices/views").json() == []
    assert posted(other, f"/tables/devices/views/{number}", {"address": "/", "delete": "true"}).status_code == 404
    posted(client, f"/tables/devices/views/{number}", {"address": "/places/b1", "name": "Gone quiet"})
    assert client.get("/api/v1/tables/devices/views").json()[0]["name"] == "Gone quiet"
    posted(client, f"/tables/devices/views/{number}", {"address": "/places/b1", "delete": "true"})
    assert client.get("/api/v1/tables/devices/views").json() == []


def test_fifty_saved_filters_are_enough(browser: Browser, csrf_of: Callable[[httpx.Response], str]) -> None:
    client = browser("admin")
    headers = {"x-csrf-token": csrf_of(client.get("/places/campus"))}
    answers = [client.post("/api/v1/tables/devices/views", json={"title": f"n{n}", "query": ""}, headers=headers).status_code for n in range(51)]
    assert answers == [200] * 50 + [409]
    assert client.post("/api/v1/tables/devices/views", json={"title": "n7", "query": "f.q=a"}, headers=headers).json()["query"] == "f.q=a"


def test_rows_come_as_json_too(browser: Browser) -> None:
    client = browser("viewer")
    assert "devices" in client.get("/api/v1/tables").json()
    found = client.get("/api/v1/tables/devices?node=b1&f.q=m2&limit=1").json()
    assert (found["total"], found["rows"][0]["code"], found["rows"][0]["place_en"]) == (1, "m2", "Floor 1")
    assert client.get("/api/v1/tables/nonsense").status_code == 404


def test_a_file_is_asked_for_made_fetched_and_gone(browser: Browser, posted: Callable[..., httpx.Response], web: Any) -> None:
    client = browser("operator")
    page = client.get("/places/b1?f.q=m1&cols=code,address").text
    query = re.search(r'name="table" value="devices"><input type="hidden" name="query" value="([^"]+)"', page)
    assert query
    form = {"table": "devices", "format": "csv", "query": query[1].replace("&amp;", "&")}
    assert posted(client, "/exports", form).headers["location"] == "/exports"
    assert 'hx-trigger="every 2s"' in client.get("/exports").text
    assert work_once(web.central, web.app.state.renderer, STOP)
    listing = client.get("/exports", headers={"hx-request": "true", "hx-target": "export-list"}).text
    assert "every 2s" not in listing
    number = client.get("/api/v1/exports").json()[0]["id"]
    answer = client.get(f"/exports/{number}/file")
    assert [line[1] for line in csv.reader(answer.content.decode("utf-8-sig").splitlines()) if len(line) == 3] == ["Name (code)", "m1"]
    assert answer.headers["content-disposition"].startswith('attachment; filename="devices-')
    assert answer.headers["x-content-type-options"] == "nosniff"
    for path in (f"/exports/{number}/file", f"/api/v1/exports/{number}", f"/api/v1/exports/{number}/file"):
        assert browser("admin").get(path).status_code == 404
    with web.pool.connection() as conn:
        trail = conn.execute("select actor from audit where action = 'export.downloaded' and target = %s", [f"export {number}"]).fetchall()
    assert trail == [("the-operator",)]
    posted(client, f"/exports/{number}", {"do": "delete"})
    assert client.get(f"/exports/{number}/file").status_code == 404


@pytest.mark.parametrize("name", list(TABLES))
def test_every_table_answers_programs_and_makes_a_file(browser: Browser, csrf_of: Callable[[httpx.Response], str], web: Any, name: str) -> None:
    client = browser("admin")
    spec = TABLES[name]
    keys = ",".join(column.key for column in spec.columns)
    assert client.get(f"/api/v1/tables/{name}", params={**WHERE, "limit": 5}).status_code == 200
    for column in spec.columns:
        if column.sortable:
            assert client.get(f"/api/v1/tables/{name}", params={**WHERE, "sort": column.key, "desc": "1"}).status_code == 200, column.key
    headers = {"x-csrf-token": csrf_of(client.get("/places/campus"))}
    for kind in ("csv", "xlsx", "pdf"):
        asked = client.post("/api/v1/exports", json={"table": name, "format": kind, "query": urlencode({**WHERE, "cols": keys})}, headers=headers)
        assert work_once(web.central, web.app.state.renderer, STOP)
        made = client.get(f"/api/v1/exports/{asked.json()['id']}").json()
        assert made["state"] == "done", made["error"]


def test_a_selection_is_looked_at_started_and_shown(browser: Browser, posted: Callable[..., httpx.Response], web: Any) -> None:
    with web.pool.connection() as conn:
        rows = conn.execute(
            "insert into finding (code, device, at) values ('register.fall', 'm1', now()), ('register.jump', 'm2', now()) returning id"
        )
        keys = [str(row[0]) for row in rows]
    client = browser("operator")
    assert client.get("/findings").text.count("data-pick ") == 2
    asked = posted(client, "/batches", {"table": "findings", "action": "settle-findings", "key": keys})
    preview = client.get(asked.headers["location"]).text
    assert "2 rows will be done" in preview
    assert "Building 1" in preview
    missing = posted(client, f"{asked.headers['location']}/start", {"p.resolution": " "})
    assert missing.status_code == 422
    for _ in range(2):
        started = posted(client, f"{asked.headers['location']}/start", {"p.resolution": "seen & settled"})
        assert started.headers["location"] == asked.headers["location"]
    assert work_turn(web.central, STOP)
    assert "the-operator: seen &amp; settled" in client.get(asked.headers["location"]).text
    assert "Settle findings" in client.get("/batches").text
    assert browser("admin").get(asked.headers["location"]).status_code == 404


def test_who_may_not_do_it_sees_no_boxes(browser: Browser) -> None:
    page = browser("viewer").get("/findings").text
    assert "data-pick" not in page
