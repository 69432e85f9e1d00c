"""The API's description: whole, true to the routes, and served as a page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from central.context import Central
from central.settings import Settings
from central.web.app import create_app
from central.web.openapi import TAGS, operations, resolved
from central.web.openapi_examples import EXAMPLES
from central.web.pages.api import sections_of

HOW_TO = "add it to central/web/openapi_examples.py"
PLAIN_BODIES = {"application/yaml", "application/octet-stream"}  # a file; an example would say nothing


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The served document. Building it asks no database."""
    nowhere = Central(Settings(data_dir=tmp_path_factory.mktemp("data")), pool=None, clock=lambda: 0.0, dsn="")  # type: ignore[arg-type]
    return create_app(nowhere).openapi()


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(operation, content type, body) of every operation that takes one."""
    for _, _, operation in operations(document):
        for kind, body in operation.get("requestBody", {}).get("content", {}).items():
            yield operation["operationId"], kind, body


def fields(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(owner.name, schema) of every field of every request body, however deep."""
    waiting, seen = [body["schema"] for _, _, body in bodies(document)], set()
    while waiting:
        schema = waiting.pop()
        name = schema.get("$ref", "").rpartition("/")[2]
        if name in seen:
            continue
        seen |= {name} - {""}
        found = resolved(document, schema)
        waiting += [*found.get("anyOf", ()), *filter(None, [found.get("items")]), *found.get("properties", {}).values()]
        yield from ((f"{name}.{field}", one) for field, one in found.get("properties", {}).items())


def fits(document: dict[str, Any], schema: dict[str, Any], example: Any) -> bool:
    return jsonschema_rs.is_valid({**schema, "components": document["components"]}, example)


def is_record(document: dict[str, Any], schema: dict[str, Any]) -> bool:
    """Whether it names another schema, whose fields have examples of their own."""
    return any("$ref" in one for one in (schema, *schema.get("anyOf", ())))


def test_every_operation_says_what_it_does_in_one_line(document: dict[str, Any]) -> None:
    odd = {one["operationId"]: one["summary"] for _, _, one in operations(document) if not 5 < len(one["summary"]) < 120}
    assert odd == {}


def test_names_of_operations_are_unique_and_made_of_the_path(document: dict[str, Any]) -> None:
    assert [name for name, times in Counter(one["operationId"] for _, _, one in operations(document)).items() if times > 1] == []
    assert document["paths"]["/api/v1/devices/{code}/latest"]["get"]["operationId"] == "get_devices_code_latest"


def test_every_operation_belongs_to_a_part_that_is_described(document: dict[str, Any]) -> None:
    assert {one["tags"][0] for _, _, one in operations(document)} == set(TAGS) == {tag["name"] for tag in document["tags"]}


def test_every_operation_but_the_signed_one_says_who_may(document: dict[str, Any]) -> None:
    assert [path for path, _, one in operations(document) if "x-permission" not in one] == ["/api/v1/iot/reports/{source}"]
    assert all(one["security"] == [{"token": []}] for _, _, one in operations(document) if "x-permission" in one)


def test_every_operation_tells_its_errors(document: dict[str, Any]) -> None:
    for _, _, one in operations(document):
        for status in ("401", "403", "404", "409", "422", "429"):
            assert one["responses"][status]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


def test_every_parameter_has_an_example_it_takes(document: dict[str, Any]) -> None:
    every = [(one["operationId"], parameter) for _, _, one in operations(document) for parameter in one.get("parameters", ())]
    assert [f"{owner}.{one['name']}" for owner, one in every if "example" not in one] == [], HOW_TO
    assert [f"{owner}.{one['name']}: {one['example']!r}" for owner, one in every if not fits(document, one["schema"], one["example"])] == []


def test_every_field_of_a_body_has_an_example_it_takes(document: dict[str, Any]) -> None:
    every = [(name, one) for name, one in fields(document) if not is_record(document, one)]
    assert len(every) > 100
    assert [name for name, one in every if "examples" not in one] == [], HOW_TO
    assert [f"{name}: {one['examples'][0]!r}" for name, one in every if not fits(document, one, one["examples"][0])] == []


def test_every_body_that_is_no_record_has_an_example_it_takes(document: dict[str, Any]) -> None:
    every = [(name, body) for name, kind, body in bodies(document) if kind not in PLAIN_BODIES and "$ref" not in body["schema"]]
    assert [name for name, body in every if "example" not in body] == [], HOW_TO
    assert [name for name, body in every if not fits(document, body["schema"], body["example"])] == []


def test_no_example_is_left_of_what_is_gone(document: dict[str, Any]) -> None:
    used = {name.rpartition(".")[2] for name, _ in fields(document)} | {name for name, _ in fields(document)}
    for path, _, one in operations(document):
        names = {parameter["name"] for parameter in one.get("parameters", ())}
        used |= names | {f"{one['operationId']}.{name}" for name in (*names, "body")}
        used |= {f"/{a}/{{{b}}}" for a, b in re.findall(r"([a-z-]+)/\{(\w+)\}", path)}
    assert sorted(set(EXAMPLES) - used) == []


def test_an_operation_is_shown_with_a_command_that_can_be_pasted(document: dict[str, Any]) -> None:
    shown = {one.name: one for section in sections_of(document, "https://energy.example.edu.cn") for one in section.operations}
    assert len(shown) == sum(1 for _ in operations(document))
    assert shown["get_devices_code_latest"].example == (
        'curl https://energy.example.edu.cn/api/v1/devices/b1-101-m1/latest -H "Authorization: Bearer $TOKEN"'
    )
    resolve = shown["post_findings_number_resolve"]
    assert """--json '{"resolution": "the meter was replaced on that day"}'""" in resolve.example
    assert [(one.name, one.where, one.kind, one.required) for one in resolve.fields] == [
        ("number", "path", "integer", True),
        ("resolution", "body", "string ≤ 500", True),
    ]
    assert all("{" not in one.example.partition(" -H ")[0] for one in shown.values())
