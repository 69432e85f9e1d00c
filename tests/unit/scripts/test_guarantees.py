"""docs/guarantees.md names every fault that is played and every case that is counted, and nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")


def test_page_lists_the_faults_that_are_played():
    listed = dict(re.findall(r"^\| F(\d+) \| ([^|]+?) \|", PAGE, re.MULTILINE))
    titles = {}
    for path in (ROOT / "tests" / "faults").glob("f[0-9][0-9]_*.py"):
        title = re.search(r'^TITLE = "(.+)"$', path.read_text(encoding="utf-8"), re.MULTILINE)
        titles[str(int(path.name[1:3]))] = title[1] if title else None

    assert listed == titles


def test_each_case_on_the_page_has_a_test_of_its_name():
    listed = {int(number) for number in re.findall(r"(?:^|· )C(\d+) ", PAGE, re.MULTILINE)}
    folders = ("unit/central/consumption", "component/central/consumption", "component/central/api")
    tests = "".join(path.read_text(encoding="utf-8") for folder in folders for path in (ROOT / "tests" / folder).glob("test_*.py"))
    tested = {int(number) for name in re.findall(r"def test_((?:c\d+_)+)", tests) for number in re.findall(r"c(\d+)_", name)}

    assert listed == set(range(1, 32))
    assert listed <= tested
