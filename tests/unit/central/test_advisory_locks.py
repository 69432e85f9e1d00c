"""Advisory locks are plain numbers known to the whole database: two purposes must not share one."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

CENTRAL = Path(__file__).resolve().parents[3] / "central"
SHARED = {"1667563525": {"storage", "ingest"}}  # packing and late readings exclude each other


def test_no_two_purposes_share_an_advisory_lock():
    users: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted([*CENTRAL.rglob("*.py"), *CENTRAL.rglob("queries.sql")]):
        for number in re.findall(r"\b16675635\d\d\b", path.read_text(encoding="utf-8")):
            users[number].append(path.relative_to(CENTRAL).parts[0])

    assert len(users) >= 6
    assert {number: folders for number, folders in users.items() if len(folders) > 1 and set(folders) != SHARED.get(number)} == {}
