"""The API's description: FastAPI's own, with how to sign in, what errors look like, and an example for every parameter and body.

Examples are kept by the name of a parameter or field, because one name means one thing in the whole API; a test demands one for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_ABOUT = """
Everything the console shows and does. Sign in with a bearer token (`Authorization: Bearer …`, made on the accounts page or by
`central token create`). Values are integers in base units (Wh, L, mV, mA, mW, fen), instants are Unix milliseconds UTC, days are the site's
local days and both ends of a range belong to it. Missing is null, never zero. Lists are paged by `offset` and `limit`. What lies outside the
places an account or token may see answers 404, as if it did not exist. Too many requests answer 429 with `retry-after`. Every answer carries
`x-request-id`; errors say it again.
"""
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
    "401": "no session and no token, or one that is not valid",
    "403": "the permission, the second factor or the whole site's scope is missing",
    "404": "there is no such thing, or none that the asker may see",
    "409": "it cannot be so now; the message says why",
    "422": "something in the request is wrong; the message says what",
    "429": "too many requests; `retry-after` says how long to wait",
}


def describe(app: FastAPI, examples: Mapping[str, Any]) -> None:
    """Have `app` answer /api/openapi.json with the whole description. `examples`: by name of a parameter or field."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes), examples)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to do this


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation with its path and method."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _described(document: dict[str, Any], examples: Mapping[str, Any]) -> dict[str, Any]:
    document.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["components"].setdefault("schemas", {})["Error"] = _ERROR
    for path, method, operation in operations(document):
        if "/iot/reports/" not in path:  # signed by its sender instead
            operation["security"] = [{"token": []}]
        for status, text in _ERRORS.items():
            operation["responses"][status] = {
                "description": text,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            }
        for parameter in operation.get("parameters", ()):
            if parameter["name"] in examples:
                parameter["example"] = examples[parameter["name"]]
        operation.setdefault("operationId", f"{method}_{path}")
    for name, schema in document["components"]["schemas"].items():
        if name != "Error":
            _exemplify(schema, examples)
    return document


def _exemplify(schema: dict[str, Any], examples: Mapping[str, Any]) -> None:
    for name, field in schema.get("properties", {}).items():
        if name in examples and "$ref" not in field:
            field.setdefault("examples", [examples[name]])
