"""Sizes and words of the tree. A larger file or function says why with `Size: reason` in its docstring."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("protocol", "firmware_profiles", "edge_agent", "central", "provisioning", "scripts")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 70
REASON = "Size:"
# Spelled apart so that this file keeps its own rules. Three X beside a point are a register format of a profile, no mark.
FORBIDDEN = (
    ("a path of a developer's machine", r"(?<![\w.\-])/" + r"(?:work/main|home/[a-z]+|Users/[A-Za-z]+)/"),
    ("the address of a package index", r"\b(?:pypi|pythonhosted|npmjs|npmmirror)\." + r"(?:org|com)\b|\bdeb\." + r"debian\.org\b"),
    ("a download address", r"https?://[^\s\"'<>]+/(?:simple|packages|debian)" + r"(?:/|\"|')|\"resolved" + r"\": *\"http"),
    ("a mark of unfinished work", r"\b(?:TO" + r"DO|FIX" + r"ME|(?<!\.)XX" + r"X(?!\.X))\b"),
)
BINARY_SUFFIXES = frozenset({".png", ".ico", ".woff2", ".gz", ".mo"})


def size_problems(root: Path) -> list[str]:
    """Files and functions over their size without a stated reason, and prints outside a console module."""
    found: list[str] = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            found += [f"{path.relative_to(root)}:{problem}" for problem in _file_problems(text)]
    return found


def _file_problems(text: str) -> Iterator[str]:
    tree = ast.parse(text)
    lines = text.count("\n")
    if lines > MAX_FILE_LINES and REASON not in (ast.get_docstring(tree) or ""):
        yield f"1: {lines} lines; expected at most {MAX_FILE_LINES} or a '{REASON} reason' in the docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES and REASON not in (ast.get_docstring(node) or ""):
                yield f"{node.lineno}: {node.name} has {length} lines; expected at most {MAX_FUNCTION_LINES} or a '{REASON} reason' in its docstring"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f"{node.lineno}: print; expected a log line, or sys.stdout.write in a command-line tool"


def word_problems(root: Path, paths: list[Path]) -> list[str]:
    """Lines of the given files that hold something that must not be in the repository."""
    found: list[str] = []
    for path in paths:
        text = path.read_text(encoding="utf-8", errors="replace")
        for what, pattern in FORBIDDEN:
            lines = [(text.count("\n", 0, match.start()) + 1, match[0]) for match in re.finditer(pattern, text)]
            found += [f"{path.relative_to(root)}:{line}: {what}: {word!r}" for line, word in lines]
    return found


def _tracked(root: Path) -> list[Path]:
    """What is, or would be, committed; everything below `root` where this is no checkout."""
    command = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    paths = [root / name for name in done.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and path.suffix not in BINARY_SUFFIXES]


def test_files_and_functions_have_one_screen_and_one_noun():
    assert size_problems(ROOT) == []


def test_nothing_tracked_names_this_machine_or_an_index():
    paths = _tracked(ROOT)
    if not paths:
        pytest.skip("not a git checkout: there is no list of tracked files")

    assert word_problems(ROOT, paths) == []


@pytest.mark.parametrize(
    "source",
    [
        "x = 1\n" * (MAX_FILE_LINES + 1),
        "def f():\n" + "    x = 1\n" * MAX_FUNCTION_LINES,
        "print('hello')\n",
    ],
)
def test_an_oversize_or_printing_file_is_seen(tmp_path, source):
    (tmp_path / "central").mkdir()
    (tmp_path / "central" / "big.py").write_text(source, encoding="utf-8")

    assert len(size_problems(tmp_path)) == 1


def test_a_stated_reason_is_accepted(tmp_path):
    (tmp_path / "central").mkdir()
    text = f'"""One table.\n\n{REASON} one row a quantity.\n"""\n' + "x = 1\n" * MAX_FILE_LINES
    (tmp_path / "central" / "table.py").write_text(text, encoding="utf-8")

    assert size_problems(tmp_path) == []


@pytest.mark.parametrize(
    "line",
    [
        "see /work" + "/main/x",
        "index = pypi" + ".org",
        'url = "https://mirror.example/simp' + 'le/"',
        "# TO" + "DO later",
    ],
)
def test_a_forbidden_word_is_seen(tmp_path, line):
    (tmp_path / "a.md").write_text(f"first\n{line}\n", encoding="utf-8")

    problems = word_problems(tmp_path, [tmp_path / "a.md"])

    assert [problem.split(": ")[0] for problem in problems] == ["a.md:2"]
