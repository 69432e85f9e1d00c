"""docs/security.md names only tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def named() -> list[tuple[str, str]]:
    """(file, test) of every entry of the table."""
    entries = re.findall(r"`([\w/]+\.py)`: ((?:`test_\w+`(?:, )?)+)", PAGE)
    return [(file, test) for file, tests in entries for test in re.findall(r"test_\w+", tests)]


def test_every_named_test_exists():
    texts = {file: (ROOT / "tests" / file).read_text(encoding="utf-8") for file, _ in named()}

    assert len(named()) > 40
    assert [f"{file}: {test}" for file, test in named() if f"def {test}(" not in texts[file]] == []


def test_every_check_has_a_test():
    rows = re.findall(r"^\| (\d+) \|.*$", PAGE, re.MULTILINE)

    assert len(rows) == len(set(rows)) > 10
    assert all("`test_" in line for line in PAGE.splitlines() if re.match(r"\| \d+ \|", line))
