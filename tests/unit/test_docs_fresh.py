"""The generated reference pages are what the code would write today."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("docs_generator", ROOT / "scripts" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stale(root: Path, pages: dict[str, str]) -> list[str]:
    """Pages that are missing or differ from the given text."""
    return [path for path, text in pages.items() if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text]


def test_generated_pages_are_fresh(generator):
    assert stale(ROOT, dict(generator.pages())) == [], "run 'make docs' and commit the pages"


def test_a_changed_and_a_missing_page_are_seen(tmp_path):
    (tmp_path / "a.md").write_text("old", encoding="utf-8")

    assert stale(tmp_path, {"a.md": "new", "b.md": "new"}) == ["a.md", "b.md"]
