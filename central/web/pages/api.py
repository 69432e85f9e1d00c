"""The API for people: every operation on one page, made from the same document that programs read."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from central.context import Central
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.web.openapi import operations, resolved
from central.web.render import render

Reader = Annotated[Principal, Depends(require("metering.read", About.OWN))]


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter or a field of the body. `where`: path, query, header or body."""

    name: str
    where: str
    kind: str
    required: bool
    text: str
    example: str


@dataclass(frozen=True, slots=True)
class Operation:
    """What one request does, with an example that can be pasted into a shell."""

    name: str
    method: str
    path: str
    text: str
    permission: str
    fields: list[Field]
    example: str


@dataclass(frozen=True, slots=True)
class Section:
    """The operations of one tag."""

    name: str
    text: str
    operations: list[Operation]


def router(central: Central) -> APIRouter:
    """`/api`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/api")
    def api(request: Request, principal: Reader) -> Response:
        sections = sections_of(request.app.openapi(), central.settings.web.public_url)
        return render(request, "api.html", {"sections": sections, "count": sum(len(one.operations) for one in sections)})

    return routes


def sections_of(document: Mapping[str, Any], address: str) -> list[Section]:
    """The document's operations by tag, in its order. `address`: what the server is called in examples."""
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, method, operation in operations(document):
        found.setdefault(operation["tags"][0], []).append(_operation(document, path, method, operation, address))
    texts = {tag["name"]: tag["description"] for tag in document["tags"]}
    return [Section(name, texts.get(name, ""), several) for name, several in found.items() if several]


def _operation(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any], address: str) -> Operation:
    parameters = operation.get("parameters", [])
    fields = [_parameter(document, one) for one in parameters]
    contents: dict[str, dict[str, Any]] = operation.get("requestBody", {}).get("content", {})
    kind, body = next(iter(contents.items()), ("", {}))
    fields += _body_fields(document, body.get("schema", {}))
    text = operation["description"].partition("\n\nNeeds")[0]
    example = _curl(document, address, path, method, parameters, kind, body)
    return Operation(operation["operationId"], method.upper(), path, text, operation.get("x-permission", ""), fields, example)


def _parameter(document: Mapping[str, Any], one: Mapping[str, Any]) -> Field:
    text = one.get("description", "")
    return Field(one["name"], one["in"], _kind(document, one["schema"]), bool(one.get("required")), text, _shown(one.get("example")))


def _body_fields(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Field]:
    found = resolved(document, schema)
    for name, one in found.get("properties", {}).items():
        example = _field_example(document, one)
        yield Field(name, "body", _kind(document, one), name in found.get("required", ()), one.get("description", ""), _shown(example))


def _kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What a value is, in a few words; "null" is left out, because an optional field says so already."""
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_kind(document, one) for one in schema["anyOf"] if one.get("type") != "null"))
    found = resolved(document, schema)
    if "enum" in found:
        return " | ".join(str(one) for one in found["enum"])
    bounds = [f"≥ {found['minimum']:.0f}" if "minimum" in found else "", f"≤ {found['maximum']:.0f}" if "maximum" in found else ""]
    longest = [f"≤ {found[word]}" for word in ("maxLength", "maxItems") if word in found]
    word = str(found.get("format") or found.get("type") or "any")
    if word == "array":
        word = f"[{_kind(document, found.get('items', {}))}]"
    return " ".join([word, *filter(None, bounds), *longest])


def _field_example(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """A field's example; for a record the examples of its required fields."""
    if examples := schema.get("examples"):
        return examples[0]
    found = resolved(document, schema)
    if "anyOf" in found:
        return _field_example(document, found["anyOf"][0])
    if found.get("properties"):
        required = found.get("required") or list(found.get("properties", {}))[:1]
        return {name: _field_example(document, found["properties"][name]) for name in required}
    if found.get("type") == "array":
        return [_field_example(document, found["items"])]
    return found["enum"][0] if "enum" in found else None


def _curl(
    document: Mapping[str, Any], address: str, path: str, method: str, parameters: list[dict[str, Any]], kind: str, body: Mapping[str, Any]
) -> str:
    """A command for a shell: required parameters only, the token from the environment."""
    for one in parameters:
        path = path.replace(f"{{{one['name']}}}", quote(str(one.get("example", "")), safe=""))
    query = urlencode({one["name"]: _shown(one.get("example")) for one in parameters if one["in"] == "query" and one.get("required")})
    words = ["curl", *(["-X", method.upper()] if method not in {"get", "post"} or (method == "post" and not kind) else [])]
    words.append(address + path + ("?" + query if query else ""))
    shown = " ".join(map(shlex.quote, words)) + ' -H "Authorization: Bearer $TOKEN"'
    if not kind:
        return shown
    if kind != "application/json":
        return f"{shown} -H 'Content-Type: {kind}' --data-binary @file"
    example = body.get("example") or _field_example(document, body["schema"])
    return f"{shown} --json {shlex.quote(json.dumps(example, ensure_ascii=False))}"


def _shown(example: Any) -> str:
    return "" if example is None else example if isinstance(example, str) else json.dumps(example, ensure_ascii=False)
