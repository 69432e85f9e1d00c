"""Every route that changes something reaches `audit.record`, or is listed here with the reason why not.

Read from the source: which functions a handler mentions, which those mention, and so on. A mention is no proof of a call, so the routes' own tests
look for the rows; what this catches is the route somebody forgot.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
WRITES = frozenset({"post", "put", "patch", "delete"})
RECORD = "central.identity.audit.record"
# "METHOD path" as the decorator says it -> why the route writes no audit row
EXCEPTIONS = {
    "POST /welcome/open": "shows what a one-time link is good for, changes nothing",
    "POST /reports/{source}": "reports of meters, signed and kept word by word in iot_report",
    "POST /enter": "a kiosk's screen opens with its token, whose making is audited; changes nothing stored",
}


@dataclass
class Module:
    """A module's definitions, and what its imported names stand for."""

    names: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, ast.AST] = field(default_factory=dict)


def unaudited(root: Path) -> set[str]:
    """`METHOD path` of every writing route below `root` that does not reach the audit."""
    modules = {name: parsed(ast.parse(path.read_text(encoding="utf-8")), name) for name, path in sources(root)}
    found = set()
    for name, module in modules.items():
        for definition in module.definitions.values():
            for route, handler in handlers(definition):
                if not reaches(handler, name, modules, set()):
                    found.add(route)
    return found


def sources(root: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted((root / "central").rglob("*.py")):
        yield ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"), path


def parsed(tree: ast.Module, name: str) -> Module:
    module = Module()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("central"):
            module.names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            module.definitions[node.name] = node
            module.names[node.name] = f"{name}.{node.name}"
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    module.definitions[target.id] = node
                    module.names[target.id] = f"{name}.{target.id}"
    return module


def handlers(definition: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Functions decorated as writing routes, however deep."""
    for node in ast.walk(definition):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute) and decorator.func.attr in WRITES:
                    yield f"{decorator.func.attr.upper()} {path_of(decorator.args[0])}", node


def path_of(argument: ast.expr) -> str:
    """The text of a path; a constant in it shows as its name."""
    if isinstance(argument, ast.BinOp):
        return path_of(argument.left) + path_of(argument.right)
    return (
        str(argument.value) if isinstance(argument, ast.Constant) else {"WELCOME_PATH": "/welcome"}.get(ast.unparse(argument), ast.unparse(argument))
    )


def reaches(node: ast.AST, module: str, modules: dict[str, Module], seen: set[str]) -> bool:
    for name in mentioned(node, modules[module].names):
        if name == RECORD:
            return True
        if name in seen:
            continue
        seen.add(name)
        owner, _, leaf = name.rpartition(".")
        if owner in modules and leaf in modules[owner].definitions and reaches(modules[owner].definitions[leaf], owner, modules, seen):
            return True
    return False


def mentioned(node: ast.AST, names: dict[str, str]) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and inner.id in names:
            yield names[inner.id]
        elif isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) and inner.value.id in names:
            yield f"{names[inner.value.id]}.{inner.attr}"


def test_every_write_is_audited_or_says_why_not() -> None:
    assert unaudited(ROOT) <= set(EXCEPTIONS)


def test_no_exception_outlives_its_route() -> None:
    assert set(EXCEPTIONS) <= unaudited(ROOT)


@pytest.mark.parametrize(("body", "found"), [("    change(conn)", set()), ("    print(conn)", {"POST /things"})])
def test_a_forgotten_route_is_seen(tmp_path: Path, body: str, found: set[str]) -> None:
    (tmp_path / "central").mkdir()
    use_case = "def change(conn):\n    audit.record(conn, 'a', 'b', 'c')\n"
    (tmp_path / "central" / "things.py").write_text("from central.identity import audit\n\n\n" + use_case)
    text = f"from central.things import change\n\n\ndef router(api):\n    @api.post('/things')\n    def post_thing(conn):\n    {body}\n"
    (tmp_path / "central" / "routes.py").write_text(text)

    assert unaudited(tmp_path) == found
