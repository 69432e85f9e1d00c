"""Every statement that a part of central can come to is one its database role may run.

Statements are found by following names through the code; PostgreSQL is asked to plan them as the role.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
from psycopg import errors

import central
from central.db.grants import DatabaseRole
from central.db.pool import Connection, DatabaseError, connect
from central.db.roles import as_role
from central.db.statements import load_statements

ROOT = Path(central.__file__).parent
Name = tuple[str, str]
JOBS = {"_jobs", "_consumption", "_control", "_alarms", "notify", "work_exports", "work_batches"}
INGEST = {"_ingest", "_iot_broker", "listen_tcp", "listen_udp"}
OWNERS = {("central.storage.rounds", "StorageRounds")}  # has a connection of its own (central.jobs.rounds)
VALUE = re.compile(r"%\((\w+)\)s")
ENOUGH = {DatabaseRole.WEB: 300, DatabaseRole.INGEST: 25, DatabaseRole.JOBS: 250}


@dataclass(frozen=True)
class Module:
    """The names a module defines with the code behind each, what its imported names stand for, and whose statements it loads."""

    defined: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imported: dict[str, Name] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)


def read_module(path: Path) -> Module:
    found = Module()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for part in tree.body:
        for name in names_defined(part):
            found.defined.setdefault(name, []).append(part)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.imported.update({alias.asname or alias.name: (node.module, alias.name) for alias in node.names})
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "load_statements":
            found.packages.update(part.value for part in node.args if isinstance(part, ast.Constant))
    return found


def names_defined(part: ast.stmt) -> Iterator[str]:
    if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield part.name
    elif isinstance(part, ast.Assign | ast.AnnAssign):
        targets = part.targets if isinstance(part, ast.Assign) else [part.target]
        yield from (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))


@cache
def modules() -> Mapping[str, Module]:
    paths = [path for path in ROOT.rglob("*.py") if path.name != "__init__.py"]
    return {".".join(("central", *path.relative_to(ROOT).with_suffix("").parts)): read_module(path) for path in paths}


def used_by(module: str, name: str) -> Iterator[Name]:
    """What the code behind a name names in turn, here or in another module of central."""
    here = modules()[module]
    for node in (node for part in here.defined[name] for node in ast.walk(part)):
        if isinstance(node, ast.Name):
            yield (module, node.id) if node.id in here.defined else here.imported.get(node.id, ("", ""))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield ".".join(here.imported.get(node.value.id, ("", ""))), node.attr


def reached(starts: set[Name], but: set[Name]) -> set[Name]:
    seen, waiting = set(but), list(starts)
    while waiting:
        module, name = waiting.pop()
        if (module, name) not in seen and module in modules() and name in modules()[module].defined:
            seen.add((module, name))
            waiting += used_by(module, name)
    return seen - but


def statements_named(names: set[Name]) -> dict[str, bytes]:
    """`package:statement` and its text, for each that is named by a string in the code, whole or by its beginning (an f-string)."""
    found = {}
    for module, name in names:
        here = modules()[module]
        texts = {
            node.value for part in here.defined[name] for node in ast.walk(part) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        for package in here.packages:
            for statement, text in load_statements(package).items():
                if statement in texts or any(word.endswith("_") and statement.startswith(word) for word in texts if len(word) > 3):
                    found[f"{package}:{statement}"] = text
    return found


def starts_of(role: DatabaseRole) -> set[Name]:
    if role is DatabaseRole.WEB:
        served = re.compile(r"central\.web\.|.*(routes|pages)$|central\.identity\.(guard|csrf)$")
        return {(module, name) for module in modules() if served.match(module) for name in modules()[module].defined}
    wired = modules()["central.roles"]
    wanted = JOBS if role is DatabaseRole.JOBS else INGEST
    return {("central.roles", name) if name in wired.defined else wired.imported[name] for name in wanted}


def refusal(conn: Connection, text: bytes) -> str | None:
    """What PostgreSQL says when the statement is more than the role may; None when it is not, or cannot be planned without its values."""
    number = numbers(text)
    plain = VALUE.sub(lambda found: f"${number[found[1]]}", text.decode()).replace("%%", "%")
    plain = re.sub(r"(\$\d+) ([-+]) (\$\d+)", r"\1::float8 \2 \3::float8", plain)
    if not re.match(r"\s*(--[^\n]*\s+)*(with|select|insert|update|delete)\b", plain):
        return None
    try:
        with conn.transaction(force_rollback=True):
            conn.execute(b"explain (generic_plan) " + plain.encode())
    except errors.InsufficientPrivilege as error:
        return str(error)
    except DatabaseError:
        return None
    return ""


def numbers(text: bytes) -> dict[str, int]:
    names = list(dict.fromkeys(VALUE.findall(text.decode())))
    return {name: number for number, name in enumerate(names, 1)}


@pytest.mark.parametrize("role", DatabaseRole)
def test_each_part_may_run_the_statements_it_can_come_to(database: str, role: DatabaseRole):
    with connect(as_role(database, role), autocommit=True) as conn:
        answers = {name: refusal(conn, text) for name, text in statements_named(reached(starts_of(role), OWNERS)).items()}

    assert {name: answer for name, answer in answers.items() if answer} == {}, "give the role what it needs in central/db/grants.py"
    assert sum(answer is not None for answer in answers.values()) > ENOUGH[role]
