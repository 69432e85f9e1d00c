"""The API's description: FastAPI's own, with how to sign in, who may, what errors look like, and an example for every parameter and field.

Everything is made from the routes: the text of an operation is its docstring, its permission the one its guard asks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

_ABOUT = """
Everything the console shows and does. Sign in with a bearer token (`Authorization: Bearer …`, made on the accounts page or by
`central token create`). Values are integers in base units (Wh, L, mV, mA, mW, fen), instants are Unix milliseconds UTC, days are the site's
local days and both ends of a range belong to it. Missing is null, never zero. Lists are paged by `offset` and `limit`. What lies outside the
places an account or token may see answers 404, as if it did not exist. Too many requests answer 429 with `retry-after`. Every answer carries
`x-request-id`; errors say it again.
"""
TAGS: Mapping[str, str] = {
    "home": "What needs a look now, in one answer.",
    "metering": "Places, devices, points and their history: the registry, search, replacements, corrections, and readings as they came.",
    "consumption": "What was used: figures by quarter hour, day, month and year, comparisons, costs, closing of months, tariffs, findings.",
    "reports": "Figures behind the electricity and water pages: by area, item, maker and rate, demand, balance, and facts about places.",
    "completeness": "Which readings were due, which came, and what is missing.",
    "analytics": "Leaks, battery life, signal, unusual rises and habits, worked out every night.",
    "alarms": "What is wrong now and was: rules, life cycle, maintenance windows.",
    "notifications": "Who is told of which alarms, how, and proof that it was sent.",
    "control": "Ask a device at once, switch it, and see the bytes of the last exchange. Every command ends in a state with its reason.",
    "fleet": "Gateways: state, lines, scores, and replacing a box.",
    "ingest": "Messages that could not be stored, with the reason.",
    "iot": "Meters that report by themselves: their reports, state and commands.",
    "tables": "The console's tables: rows, filters, columns and saved filters.",
    "exports": "Files of a table, made in the background and kept for a week.",
    "batches": "One action on many rows: preview, start, follow, retry.",
    "identity": "Accounts, sessions, tokens, personal data and the audit.",
    "wall": "Screens that show one place without anybody signed in.",
    "metrics": "Figures about the platform itself, for Prometheus.",
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details", "request_id"],
            "properties": {
                "code": {"type": "string", "description": "stable, see docs/errors.md"},
                "message": {"type": "string", "description": "what, where, expected, got, next step"},
                "details": {"type": "object"},
                "request_id": {"type": "string"},
            },
            "example": {"code": "request.not_found", "message": "there is no device 'm9'", "details": {}, "request_id": "3f2a9c41d0be"},
        }
    },
}
_ERRORS = {
    "400": "the request's body cannot be read as what it says it is",
    "401": "no session and no token, or one that is not valid",
    "403": "the permission, the second factor or the whole site's scope is missing",
    "404": "there is no such thing, or none that the asker may see",
    "409": "it cannot be so now; the message says why",
    "413": "the request's body is too large",
    "422": "something in the request is wrong; the message says what",
    "429": "too many requests; `retry-after` says how long to wait",
}
_UNUSED = ("HTTPValidationError", "ValidationError")  # FastAPI's own form of a 422, which nothing here answers


def operation_id(route: APIRoute) -> str:
    """A name made of method and path alone, so that it stays when a function is renamed."""
    method = min(route.methods or {"GET"})
    return re.sub(r"[^a-z0-9]+", "_", f"{method} {route.path_format.removeprefix('/api/v1')}".lower()).strip("_")


def describe(app: FastAPI, examples: Mapping[str, Any]) -> None:
    """Have `app` answer /api/openapi.json with the whole description. `examples`: see central.web.openapi_examples."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            tags = [{"name": name, "description": text} for name, text in TAGS.items()]
            document = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes, tags=tags)
            app.openapi_schema = _described(document, dict(_permissions(app.routes)), examples)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to do this


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation with its path and method."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema itself where it only names one."""
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Mapping[str, Any] = document["components"]["schemas"][name] if name else schema
    return found


def _permissions(routes: Iterable[Any]) -> Iterator[tuple[tuple[str, str], str]]:
    """(path, method) -> permission, of routes however deep (newer FastAPI keeps included routers nested)."""
    for route in routes:
        if inner := getattr(route, "original_router", None):
            yield from _permissions(inner.routes)
        elif isinstance(route, APIRoute):
            asked = next(_asked(route.dependant), None)
            yield from [((route.path_format, method.lower()), asked) for method in route.methods or () if asked]


def _asked(dependant: Any) -> Iterator[str]:
    for inner in dependant.dependencies:
        if hasattr(inner.call, "permission"):
            yield inner.call.permission
        yield from _asked(inner)


def _described(document: dict[str, Any], permissions: Mapping[tuple[str, str], str], examples: Mapping[str, Any]) -> dict[str, Any]:
    components = document.setdefault("components", {})
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    schemas = components["schemas"] = {name: schema for name, schema in components.get("schemas", {}).items() if name not in _UNUSED}
    for name, schema in schemas.items():
        for field, one in schema.get("properties", {}).items():
            example = _example(document, one, examples, f"{name}.{field}", field)
            if example is not None and "$ref" not in one:
                one.setdefault("examples", [example])
    schemas["Error"] = _ERROR
    for path, method, operation in operations(document):
        _tell(operation, permissions.get((path, method)))
        _exemplify(document, path, operation, examples)
    return document


def _tell(operation: dict[str, Any], permission: str | None) -> None:
    """Summary, who may, and what goes wrong. What no guard stands before is signed by its sender."""
    text = " ".join(operation.get("description", "").split())
    operation["summary"] = re.split(r"[.;:] |\.$", text)[0]
    operation["description"] = text
    if permission:
        operation["description"] += f"\n\nNeeds the permission `{permission}`."
        operation["x-permission"] = permission
        operation["security"] = [{"token": []}]
    for status, meaning in _ERRORS.items():
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        operation["responses"][status] = {"description": meaning, "content": content}


def _exemplify(document: Mapping[str, Any], path: str, operation: dict[str, Any], examples: Mapping[str, Any]) -> None:
    owner = operation["operationId"]
    for parameter in operation.get("parameters", ()):
        name = parameter["name"]
        placed = f"/{{{name}}}"
        before = path.partition(placed)[0].rpartition("/")[2]
        example = _example(document, parameter["schema"], examples, f"{owner}.{name}", f"/{before}{placed}", name)
        if example is not None:
            parameter["example"] = example
    for body in operation.get("requestBody", {}).get("content", {}).values():
        if f"{owner}.body" in examples:
            body["example"] = examples[f"{owner}.body"]


def _example(document: Mapping[str, Any], schema: Mapping[str, Any], examples: Mapping[str, Any], *names: str) -> Any:
    """What one of `names` has, the last of which is the name alone; before that the first of a list to choose from. None where nothing fits."""
    own = next((examples[name] for name in names[:-1] if name in examples), None)
    if own is None:
        own = _chosen(document, schema, schema.get("default", True))
    return examples.get(names[-1]) if own is None else own


def _chosen(document: Mapping[str, Any], schema: Mapping[str, Any], default: Any) -> Any:
    for one in (schema, *schema.get("anyOf", ())):
        found = resolved(document, one)
        if "enum" in found:
            return found["enum"][0]
        if found.get("type") == "boolean":
            return bool(default)
        if found.get("type") == "array" and (item := _chosen(document, found.get("items", {}), True)) is not None:
            return [item]
    return None
