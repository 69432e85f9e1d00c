"""Every operation with requests that its description allows, and some that it forbids: no bug shows, every answer is what the description says.

Asked of the site of twin buildings by a program that may do everything, and by one that may do so in one building. Nothing is kept: every transaction
is undone. A failure prints the seed; CE_TEST_SEED plays it again.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import jsonschema_rs
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import content_type_conformance, not_a_server_error, status_code_conformance
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response

from central.context import Central
from central.db.pool import Connection, Pool, connect, open_pool
from central.identity.permissions import PERMISSIONS, PERSONS_ONLY
from central.identity.tokens import create_token
from central.settings import Settings, WebSettings
from central.web.app import create_app

SEED = int(os.environ.get("CE_TEST_SEED", "20261122"))
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance)
QUICK = WebSettings(requests_per_s=10_000, requests_at_once=100_000)
SETTINGS = settings(deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), print_blob=False)
NUMBER = 111_222_300  # of everything in the building called north
REAL: dict[str, Any] = {
    "code": "north-e1",
    "/places": "north",
    "/points": "north-p1",
    "/gateways": "gw-north",
    "/health": "north-i1",
    "node": "north",
    "place": "north",
    "parent": "campus",
    "within": "north",
    "device": "north-e1",
    "/meters": "north-i1",
    "gateway": "gw-north",
    "line": "l-north",
    "point": "north-p1",
    "number": NUMBER,
    "command": f"00000000-0000-7000-8000-{NUMBER:012d}",
    "quantity": "energy_active_forward",
    "/rules": "device_silent",
    "/tables": "devices",
    "table": "devices",
    "ids": [NUMBER],
    "keys": ["north-e1"],
    "period": "2026-10",
}


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
def api(twins: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The application on the twin buildings."""
    with open_pool(twins, max_size=4) as pool:
        yield create_app(Central(Settings(data_dir=tmp_path_factory.mktemp("data"), web=QUICK), Undone(pool), time.time, twins))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def send(api: Any) -> Iterator[Callable[[requests.PreparedRequest], httpx.Response]]:
    """Send a prepared request to the application in this process."""
    with asyncio.Runner() as runner:
        client = httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://test")

        def through(request: requests.PreparedRequest) -> httpx.Response:
            headers = {name: value for name, value in request.headers.items() if name.lower() != "content-length"}
            return runner.run(client.request(str(request.method), str(request.url), headers=headers, content=request.body))

        yield through
        runner.run(client.aclose())


def made_real(case: Any) -> None:
    """Name things that exist: random codes would find nothing but 404."""
    before = case.path.split("/")
    for name in case.path_parameters or {}:
        place = "/" + before[before.index(f"{{{name}}}") - 1]
        case.path_parameters[name] = REAL.get(place, REAL.get(name, case.path_parameters[name]))
    for part in (case.query, case.body):
        if isinstance(part, dict):
            part.update({name: REAL[name] for name in part if name in REAL})


def misfits(document: dict[str, Any], path: str, method: str, answer: httpx.Response) -> list[str]:
    """What of a JSON answer is not what the description says of this status."""
    content = document["paths"][path][method]["responses"].get(str(answer.status_code), {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    if schema is None or "json" not in answer.headers.get("content-type", ""):
        return []
    found = jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]}).iter_errors(answer.json())
    return [f"{'/'.join(map(str, one.instance_path))}: {one.message[:200]}" for one in found]


@pytest.mark.timeout(400)  # a thousand requests on a busy machine
@pytest.mark.parametrize(("places", "examples"), [(None, 3), (["north"], 1)], ids=["whole site", "one building"])
def test_every_answer_is_what_the_description_says(api: Any, twins: str, send: Any, places: list[str] | None, examples: int) -> None:
    permissions = PERMISSIONS - PERSONS_ONLY - ({"identity.manage"} if places else set())
    with connect(twins) as conn:
        bearer = {"authorization": f"Bearer {create_token(conn, f'fuzz {examples}', permissions, time.time(), places=places)}"}
    document = api.openapi()
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(document)))
    problems: list[str] = []

    def explore(operation: Any, mode: GenerationMode, times: int) -> None:
        @seed(SEED)
        @settings(SETTINGS, max_examples=times)
        @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
        def run(case: Any, real: bool) -> None:
            if real and mode is GenerationMode.POSITIVE:
                made_real(case)
            request = requests.Request(**case.as_transport_kwargs(base_url="http://test")).prepare()
            request.headers.update(bearer)
            answer = send(request)
            wrong = misfits(document, operation.path, operation.method.lower(), answer)
            try:
                case.validate_response(Response.from_httpx(answer, verify=False), checks=list(CHECKS))
            except (FailureGroup, AssertionError) as failure:
                wrong.append(str(failure))
            if wrong:
                body = f" {request.body!r:.300}" if request.body else ""
                problems.append(f"{request.method} {request.url}{body}\n  {answer.status_code} {answer.text[:200]}\n  {wrong[:3]}")

        try:
            run()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE  # nothing about it can be wrong

    for found in schema.get_all_operations():
        operation = found.ok()
        explore(operation, GenerationMode.POSITIVE, examples)
        if not places:
            explore(operation, GenerationMode.NEGATIVE, 1)
    assert not problems, f"seed {SEED}:\n" + "\n".join(problems)
