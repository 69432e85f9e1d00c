"""Every route, asked by everybody: nobody, each role and a program; of the whole site, or of a part about something inside it and outside it.

What must happen is worked out from the route's guard alone (its permission and what it is about) and the table CODES. A new route with a code in its
path, or whose body names things of a place, must be entered below, or a test here fails and says where. Nothing is kept: every transaction is undone.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from central.context import Central
from central.db.pool import Connection, Pool, connect, open_pool
from central.identity import csrf
from central.identity.permissions import PERMISSIONS, PERSONS_ONLY, ROLES, Role
from central.identity.scope import About
from central.identity.sessions import open_session
from central.identity.tokens import create_token
from central.settings import Settings, WebSettings
from central.web.app import create_app

IN, OUT = "north", "southern"
NUMBER = {IN: 111_222_300, OUT: 987_654_300}
OTHERS = 555_000_300  # numbers of what belongs to one account, which is none of those that ask
ABSENT = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
SECRETS = ("southern", "Southern", "南苑", "7700000000", "98765430")  # what tells of the building outside: codes, names, addresses, numbers
MONTH = date.today().replace(day=1) - timedelta(days=1)
QUICK = WebSettings(requests_per_s=10_000, requests_at_once=100_000)
Answers = Callable[..., httpx.Response]


@dataclass(frozen=True)
class Code:
    """What stands for a path parameter. `own`: it belongs to an account, or is not there, so nobody finds it whatever they may see."""

    inside: str
    outside: str | None = None
    own: bool = False


def twin(text: str) -> Code:
    return Code(text.format(side=IN, n=NUMBER[IN]), text.format(side=OUT, n=NUMBER[OUT]))


_PLACE, _DEVICE, _POINT, _GATEWAY, _NUMBER = (twin(text) for text in ("{side}", "{side}-e1", "{side}-p1", "gw-{side}", "{n}"))
_OWNED = Code(str(OTHERS), own=True)
# By what stands before the parameter in the path.
CODES: Mapping[str, Code] = {
    "places/{code}": _PLACE,
    "tree/{code}": _PLACE,
    "reports/{node}": _PLACE,
    "devices/{code}": _DEVICE,
    "health/{code}": twin("{side}-i1"),
    "meters/{device}": twin("{side}-i1"),
    "points/{code}": _POINT,
    "gateways/{code}": _GATEWAY,
    "lines/{line}": twin("l-{side}"),
    "alarms/{number}": _NUMBER,
    "windows/{number}": _NUMBER,
    "leaks/{number}": _NUMBER,
    "findings/{number}": _NUMBER,
    "consumption-marks/{number}": _NUMBER,
    "replacements/{number}": _NUMBER,
    "commands/{number}": _NUMBER,
    "commands/{command}": twin("00000000-0000-7000-8000-{n:012d}"),
    "exports/{job}": _OWNED,
    "batches/{batch}": _OWNED,
    "views/{view_id}": _OWNED,
    "rules/{number}": _OWNED,
    "channels/{number}": _OWNED,
    "log/{number}": _OWNED,
    "accounts/{account_id}": Code(str(OTHERS)),
    "kiosks/{number}": Code(str(OTHERS)),
    "attachments/{sha256}": Code(ABSENT, own=True),
    "generations/{generation}": Code("1"),
    "facts/{fact}": Code("people"),
    "months/{month}": Code("2019-13"),
    "tables/{name}": Code("devices"),
    "rules/{name}": Code("device_silent"),
    "tariffs/{tariff}": Code("electricity"),
    "{tariff}/{valid_from}": Code("2026-07-01"),
    "calendar/{year}": Code(str(MONTH.year)),
}
# Query parameters a route cannot do without.
QUERY: Mapping[str, str] = {
    "quantity": "energy_active_forward",
    "from_ms": "0",
    "to_ms": "4000000000000",
    "from": str(MONTH - timedelta(days=20)),
    "to": str(date.today()),
    "period": f"{MONTH:%Y-%m}",
    "mode": "same_date",
    "year": str(MONTH.year),
    "q": "0",
    "name": "program",
    "reason": "because",
}
# Query parameters that narrow a list to something of a place.
NARROWING: Mapping[str, str] = {
    "node": "{side}",
    "place": "{side}",
    "parent": "{side}",
    "within": "{side}",
    "device": "{side}-e1",
    "gateway": "gw-{side}",
    "point": "{side}-p1",
    "subject": "{side}-e1",
    "at": "{side}",
    "q": "{side}",
}
REASON = {"reason": "because it must be"}
SWAP = {"key": "a-key-for-this", "removed_at_ms": 1, "installed_at_ms": 2, "opening": {}, "new": {"address": "1"}, "person": "Zhang", **REASON}
WINDOW = {"from_ms": 1_900_000_000_000, "until_ms": 1_900_000_100_000, **REASON}
FORM_WINDOW = {"begins": "2030-01-01T10:00", "ends": "2030-01-01T11:00", **REASON}
# About.OWN with a body that names something of a place: (how it is sent, body about a side).
IN_BODY: Mapping[str, tuple[str, dict[str, Any]]] = {
    "POST /api/v1/alarms/windows": ("json", {"place": "{side}", **WINDOW}),
    "POST /api/v1/batches": ("json", {"action": "read-now", "table": "devices", "keys": ["{side}-e1"]}),
    "POST /api/v1/consumption-marks": ("json", {"point": "{side}-p1", "from_ms": 1, "to_ms": 900_000, "reason": "off"}),
    "POST /api/v1/exports": ("json", {"table": "devices", "format": "csv", "query": "node={side}"}),
    "POST /api/v1/notifications/inbox/rules": ("json", {"name": "mine", "place": "{side}"}),
    "POST /api/v1/point-moves": ("json", {"point": "{side}-p1", "from_day": "2026-01-01", **REASON}),
    "POST /api/v1/ratio-changes": ("json", {"point": "{side}-p1", "at_ms": 1, "ct": 2, "pt": 1, **REASON}),
    "POST /api/v1/ratio-corrections": ("json", {"point": "{side}-p1", "ratio": {"ct": 2}, **REASON}),
    "POST /api/v1/replacements": ("json", {"point": "{side}-p1", **SWAP}),
    "POST /alarms/windows": ("data", {"place": "{side}", **FORM_WINDOW}),
    "POST /batches": ("data", {"action": "read-now", "table": "devices", "key": "{side}-e1"}),
    "POST /exports": ("data", {"table": "devices", "format": "csv", "query": "node={side}"}),
    "POST /inbox/rules": ("data", {"name": "mine", "place": "{side}", "kinds": "raised", "severities": "urgent"}),
}
# What the thing in the body needs besides.
BODY_NEEDS = {"POST /api/v1/batches": "metering.read_now", "POST /batches": "metering.read_now"}
# About.OWN with a body of which only numbers of alarms or own things can be named: what is not seen is left out of the answer.
LEFT_OUT = {
    "POST /api/v1/alarms/actions": ("json", {"ids": [NUMBER[OUT]], "action": {"action": "comment", "note": "x"}}),
    "POST /api/v1/alarms/seen": ("json", {"ids": [NUMBER[OUT]]}),
    "POST /alarms/actions": ("data", {"ids": NUMBER[OUT], "action": "comment", "note": "x"}),
}
# Bodies that are right, where what stands in the path can only be looked at once the body was: with nothing of a place in them.
RIGHT_BODY: Mapping[str, tuple[str, dict[str, Any]]] = {
    "POST /alarms/{number}/actions": ("data", {"action": "comment", "note": "x"}),
    "POST /api/v1/alarms/{number}/actions": ("json", {"action": "comment", "note": "x"}),
    "POST /api/v1/batches/{batch}/start": ("json", {}),
    "PATCH /api/v1/tables/{name}/views/{view_id}": ("json", {"title": "x"}),
    "POST /api/v1/water/leaks/{number}/known-use": ("json", REASON),
    "POST /batches/{batch}": ("data", {"do": "cancel"}),
    "POST /exports/{job}": ("data", {"do": "cancel"}),
    "POST /tables/{name}/views/{view_id}": ("data", {"address": "/places/north", "name": "x"}),
    "POST /water/leaks/{number}/known-use": ("data", REASON),
    "PUT /api/v1/notifications/channels/{number}/enabled": ("json", {"enabled": True}),
    "POST /notifications/channels/{number}/enabled": ("data", {"enabled": "true"}),
}
# About.OWN with a body that names nothing of a place.
NOTHING_IN_BODY = {
    "POST /account/factor",
    "POST /account/factor/code",
    "POST /account/factor/codes",
    "POST /account/password",
    "POST /account/sessions/end",
    "POST /api/v1/attachments",
    "POST /api/v1/notifications/inbox/read",
    "PUT /api/v1/tables/{name}/columns",
    "POST /api/v1/tables/{name}/views",
    "POST /tables/{name}/columns",
    "POST /tables/{name}/views",
}
# About.OWN, but who may see a part must say which.
PART_NAMED_BY = {"/api/v1/completeness": ("within", {"by": "place"})}
STREAMS = {"/live"}  # does not end; tests/component/central/web/test_live.py
OPEN = {"/login", "/logout", "/welcome", "/welcome/open", "/wall/enter", "/language/{language}", "/login/code", "/login/with/{provider}"} | {
    "/login/back/{provider}",
    "/api/v1/iot/reports/{source}",
}


@dataclass(frozen=True)
class Route:
    """A route of the application as its guard describes it."""

    method: str
    path: str
    permission: str
    about: About
    needs: tuple[str, ...]  # query parameters
    takes: frozenset[str]
    has_body: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def places(self) -> list[str]:
        """Where its path parameters stand: "devices/{code}"."""
        parts = self.path.strip("/").split("/")
        return [f"{before}/{part}" for before, part in pairwise(parts) if part.startswith("{")]

    @property
    def codes(self) -> list[Code]:
        return [CODES[place] for place in self.places]

    @property
    def named(self) -> str | None:
        """The query parameter that names what the route is about, where the path does not."""
        if self.path in PART_NAMED_BY:
            return PART_NAMED_BY[self.path][0]
        in_path = any(code.outside for code in self.codes)
        return None if in_path or self.about in (About.SITE, About.OWN) else self.about.value


@dataclass(frozen=True)
class Asker:
    """Who asks, with what."""

    name: str
    permissions: frozenset[str]
    scoped: bool
    headers: Mapping[str, str]
    cookies: Mapping[str, str]


NOBODY = Asker("nobody", frozenset(), False, {}, {})


class Undone:
    """A pool whose transactions leave nothing behind."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        with self._pool.connection() as conn:
            try:
                yield conn
            finally:
                conn.rollback()


@pytest.fixture(scope="module")
def app(twins: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    with open_pool(twins, max_size=4) as pool:
        yield create_app(Central(Settings(data_dir=tmp_path_factory.mktemp("data"), web=QUICK), Undone(pool), time.time, twins))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def routes(app: FastAPI) -> list[Route]:
    """Every route with a guard."""
    return [route for one in _all(app) if one.path not in OPEN for route in _described(one)]


@pytest.fixture(scope="module")
def askers(twins: str) -> list[Asker]:
    """Each role and a program, of the whole site and of the building inside; administrators have no smaller scope."""
    with connect(twins) as conn:
        _own(conn)
        found = [_person(conn, role, scoped) for role in Role for scoped in (False, True) if not (scoped and role is Role.ADMIN)]
        every = PERMISSIONS - PERSONS_ONLY
        found += [
            _program(conn, "all", every, False),
            _program(conn, "part", every - {"identity.manage"}, True),
            _program(conn, "program", {"metrics.read"}, False),
        ]
        return [NOBODY, *found]


@pytest.fixture(scope="module")
def ask(app: FastAPI) -> Iterator[Answers]:
    """`ask(asker, method, address, **body)`: the application's answer, in this process."""
    with asyncio.Runner() as runner:
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")

        def send(asker: Asker, method: str, address: str, **more: Any) -> httpx.Response:
            kind = "text/html" if more.pop("page", False) else "application/json"
            client.cookies = httpx.Cookies(dict(asker.cookies))
            return runner.run(client.request(method, address, headers={"accept": kind, "accept-encoding": "identity", **asker.headers}, **more))

        yield send
        runner.run(client.aclose())


def _all(router: Any) -> Iterator[APIRoute]:
    for route in router.routes:
        if hasattr(route, "original_router"):
            yield from _all(route.original_router)
        elif isinstance(route, APIRoute):
            yield route


def _described(route: APIRoute) -> Iterator[Route]:
    guard = next(_guards(route.dependant))
    parameters = list(_query(route.dependant))
    needs = tuple(one.alias for one in parameters if one.field_info.is_required())
    takes = frozenset(one.alias for one in parameters)
    for method in route.methods:
        yield Route(method, route.path, guard.permission, guard.about, needs, takes, route.body_field is not None)


def _guards(dependant: Any) -> Iterator[Any]:
    for inner in dependant.dependencies:
        yield from [inner.call] if hasattr(inner.call, "permission") else []
        yield from _guards(inner)


def _query(dependant: Any) -> Iterator[Any]:
    yield from dependant.query_params
    for inner in dependant.dependencies:
        yield from _query(inner)


def _account(conn: Connection, name: str, role: Role, places: list[str] | None) -> int:
    row = conn.execute(
        "insert into account (name, role, places, created_at) values (%s, %s, %s, now()) returning account_id", [name, role.value, places]
    ).fetchone()
    assert row
    return int(row[0])


def _person(conn: Connection, role: Role, scoped: bool) -> Asker:
    name = f"{role}{' of a part' if scoped else ''}"
    secret = open_session(conn, _account(conn, name, role, [IN] if scoped else None), time.time(), factor=True)
    return Asker(name, ROLES[role], scoped, {"x-csrf-token": csrf.token(secret)}, {"ce_session": secret})


def _program(conn: Connection, name: str, permissions: frozenset[str] | set[str], scoped: bool) -> Asker:
    secret = create_token(conn, name, permissions, time.time(), places=[IN] if scoped else None)
    return Asker(f"program {name}", frozenset(permissions), scoped, {"authorization": f"Bearer {secret}"}, {})


def _own(conn: Connection) -> None:
    """An account that asks for nothing, with its things; and a wall screen."""
    row = {"n": OTHERS, "account": OTHERS}
    conn.execute("insert into account (account_id, name, role, created_at) overriding system value values (%(n)s, 'another', 'viewer', now())", row)
    conn.execute(
        "insert into kiosk_token (kiosk_token_id, name, token_digest, created_by, created_at, expires_at) overriding system value"
        " values (%(n)s, 'hall', 'x', 'another', now(), now() + interval '1 day')",
        row,
    )
    conn.execute(
        "insert into export_job (id, owner, account_id, table_name, format, query, columns, language, created_at) overriding system value"
        " values (%(n)s, 'another', %(account)s, 'devices', 'csv', '', '{code}', 'en', now())",
        row,
    )
    conn.execute(
        "insert into batch_job (id, owner, account_id, action, table_name, created_at) overriding system value"
        " values (%(n)s, 'another', %(account)s, 'read_now', 'devices', now())",
        row,
    )
    conn.execute(
        "insert into table_view (id, account_id, table_name, name, query) overriding system value values (%(n)s, %(account)s, 'devices', 'mine', '')",
        row,
    )
    conn.execute(
        "insert into notify_rule (id, name, account, severities, kinds, actor, created_at) overriding system value"
        " values (%(n)s, 'mine', %(account)s, '{urgent}', '{raised}', 'another', now())",
        row,
    )


def expected(route: Route, asker: Asker, outside: bool) -> set[str]:
    """What the door may do, from the guard and the table of codes alone. A program is told where it would need an account."""
    if asker is NOBODY:
        return {"stranger"}
    needed = {route.permission, BODY_NEEDS.get(str(route), route.permission)}
    if not needed <= asker.permissions or (asker.scoped and route.about is About.SITE):
        return {"forbidden"}
    if asker.scoped and outside:
        return {"hidden"}
    if any(code.own for code in route.codes):
        return {"hidden", "in", "told"} if route.about is About.SITE else {"hidden"} if asker.cookies else {"hidden", "told"}
    return {"in", "told"}


def door(answer: httpx.Response) -> str:
    """What the door did. A refusal that has another reason than who asks is behind the door; so is a wrong request."""
    assert answer.status_code != 429
    if answer.status_code == 401:
        return "stranger"
    if answer.status_code == 404 or (answer.status_code == 422 and "there is no" in answer.text):
        return "hidden"  # a form's page says so with a 422
    details = answer.json()["error"]["details"] if answer.status_code == 403 else {}
    assert details.get("problem") not in ("csrf", "second_factor"), answer.text
    if details.get("problem") in ("forbidden", "whole_site"):
        return "forbidden"
    return "told" if answer.status_code == 403 else "in"


def address(route: Route, side: str, more: Mapping[str, str] = {}) -> str:
    """The route's path about a side, with the query it cannot do without."""
    path = route.path
    for place, code in zip(route.places, route.codes, strict=True):
        value = code.outside if side == OUT and code.outside else code.inside
        path = path.replace("/" + place, f"/{place.partition('/')[0]}/{value}", 1)
        if place.startswith("{"):
            path = path.replace(place.partition("/")[2], value)
    query = {name: QUERY[name] for name in route.needs if name in QUERY} | PART_NAMED_BY.get(route.path, ("", {}))[1] | dict(more)
    if route.named and route.named not in query:
        query[route.named] = NARROWING[route.named].format(side=side)
    return str(httpx.URL(path, params=query)) if query else path


def asking(route: Route, askers: list[Asker]) -> Iterator[Asker]:
    """Everybody who may not, programs, and of the people who may the one with the least rights: the others hold strictly more."""
    least: dict[bool, Asker] = {}
    for asker in askers:
        if asker.cookies and route.permission in asker.permissions:
            least[asker.scoped] = min(least.get(asker.scoped, asker), asker, key=lambda one: len(one.permissions))
        else:
            yield asker
    yield from least.values()


def sides(route: Route, asker: Asker) -> list[str]:
    """Outside only where it makes a difference."""
    both = asker.scoped and (route.named or any(code.outside for code in route.codes) or str(route) in IN_BODY)
    return [IN, OUT] if both else [IN]


def body_of(route: Route, side: str) -> dict[str, Any]:
    """One that is right where the matrix knows one, else one that is refused for what it lacks."""
    if route.method in ("GET", "DELETE"):
        return {}
    known = IN_BODY.get(str(route)) or (RIGHT_BODY.get(str(route)) if side == OUT or any(code.own for code in route.codes) else None)
    if known:
        return {known[0]: filled(known[1], side)}
    return {"json": {}} if "/api/" in route.path else {"data": {"none": ""}}


def told(text: str, asked: str) -> list[str]:
    """What an answer tells of the building outside, but for the words of the question."""
    return [word for word in SECRETS if word in text.replace(asked, "")]


def filled(body: Mapping[str, Any], side: str) -> dict[str, Any]:
    """A body about a side."""
    return dict(json.loads(json.dumps(body).replace("{side}", side)))


def test_every_code_in_a_path_is_known_to_the_matrix(app: FastAPI) -> None:
    known = [route for one in _all(app) if one.path not in OPEN for route in _described(one)]
    missing = sorted({place for route in known for place in route.places} - set(CODES))
    assert missing == [], f"add to CODES in {Path(__file__).name}: what stands for it inside and outside a scope"
    assert sorted(set(CODES) - {place for route in known for place in route.places}) == []


def test_every_body_that_the_guard_cannot_look_into_is_known_to_the_matrix(routes: list[Route]) -> None:
    found = {str(route) for route in routes if route.about is About.OWN and route.has_body}
    known = set(IN_BODY) | set(LEFT_OUT) | set(RIGHT_BODY) | NOTHING_IN_BODY
    assert sorted(found - known) == [], f"add to IN_BODY, LEFT_OUT RIGHT_BODY or NOTHING_IN_BODY in {Path(__file__).name}"
    assert sorted(known - {str(route) for route in routes}) == []


@pytest.mark.timeout(400)  # three thousand requests on a busy machine
def test_everybody_gets_exactly_what_guard_and_scope_say(routes: list[Route], askers: list[Asker], ask: Answers) -> None:
    wrong = []
    for route in routes:
        if route.path in STREAMS:
            continue
        for asker in asking(route, askers):
            for side in sides(route, asker):
                answer = ask(asker, route.method, address(route, side), **body_of(route, side))
                want, got = expected(route, asker, side == OUT), door(answer)
                if got not in want or answer.status_code >= 500:
                    wrong.append(f"{route} as {asker.name}, {side}: expected {want}, got {got} {answer.status_code} {answer.text[:200]}")
    assert wrong == []


def lists(routes: list[Route]) -> Iterator[Route]:
    """What a scoped asker reads: every GET about something smaller than the site."""
    for route in routes:
        if route.method == "GET" and route.about is not About.SITE and route.path not in STREAMS and not any(code.own for code in route.codes):
            yield route


def parts(askers: list[Asker], route: Route) -> list[Asker]:
    """A person and a program that see the building inside and may read this."""
    return [one for one in askers if one.name in ("operator of a part", "program part") and route.permission in one.permissions]


def test_nothing_of_the_building_outside_shows_in_any_answer(routes: list[Route], askers: list[Asker], ask: Answers) -> None:
    wrong, seen = [], 0
    for route in lists(routes):
        for asker in parts(askers, route):
            answer = ask(asker, "GET", address(route, IN), page=asker.cookies)
            seen += "Northern" in answer.text or "north" in answer.text
            if answer.status_code not in (200, 303) or told(answer.text, ""):
                wrong.append(f"{route} as {asker.name}: {answer.status_code} tells {told(answer.text, '') or answer.text[:200]}")
    assert wrong == []
    assert seen > 100  # the answers are about something


def test_naming_something_outside_in_a_filter_shows_nothing_of_it(routes: list[Route], askers: list[Asker], ask: Answers) -> None:
    wrong, tried = [], 0
    for route in lists(routes):
        for name in route.takes & set(NARROWING) - {route.named}:
            asker, asked = parts(askers, route)[-1], NARROWING[name].format(side=OUT)
            answer = ask(asker, "GET", address(route, IN, {name: asked}), page=asker.cookies)
            tried += 1
            if answer.status_code >= 500 or (answer.is_success and told(answer.text, asked)):
                wrong.append(f"{route} {name}={asked}: {answer.status_code} tells {told(answer.text, asked)}")
    assert wrong == []
    assert tried > 20


def test_numbers_outside_are_left_out_of_what_several_are_done_to(askers: list[Asker], ask: Answers, app: FastAPI) -> None:
    asker = next(one for one in askers if one.name == "operator of a part")
    for name, (kind, body) in LEFT_OUT.items():
        method, path = name.split()
        answer = ask(asker, method, path, **{kind: body})
        assert answer.status_code < 500
        assert told(answer.text, str(NUMBER[OUT])) == [], name
    results = ask(asker, "POST", "/api/v1/alarms/actions", json=LEFT_OUT["POST /api/v1/alarms/actions"][1]).json()
    assert [one["done"] for one in results] == [False]
    assert ask(asker, "POST", "/api/v1/alarms/seen", json={"ids": [NUMBER[OUT]]}).json() == {"marked": 0}


def test_a_search_for_a_name_outside_finds_nothing(askers: list[Asker], ask: Answers) -> None:
    part, whole = (next(one for one in askers if one.name == name) for name in ("viewer of a part", "viewer"))
    for words in ("Southern", "\u5357\u82d1", "7700000000", "gw-southern"):
        assert ask(part, "GET", f"/api/v1/search?q={words}").json() == []
        assert ask(whole, "GET", f"/api/v1/search?q={words}").json() != []


def test_a_live_stream_of_a_device_outside_is_refused(askers: list[Asker], ask: Answers) -> None:
    for asker in (one for one in askers if one.scoped):
        assert ask(asker, "GET", f"/live?devices={OUT}-e1").status_code == 404
        assert ask(asker, "GET", f"/live?devices={IN}-e1,{OUT}-e1").status_code == 404
    assert ask(NOBODY, "GET", f"/live?devices={IN}-e1").status_code == 401
