"""`central audit check`: the exit status says whether the audit is whole."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from central.__main__ import main
from central.db.pool import connect, open_pool
from central.identity import audit
from central.identity.audit_seal import SETTLED_S, AuditRounds


def test_a_removed_row_is_noticed(fresh_database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "central.toml"
    config.write_text(f'[database]\ndsn = "{fresh_database}"\n')
    with connect(fresh_database) as conn:
        for number in range(3):
            audit.record(conn, "wang", "device.read", f"m{number}")
    with open_pool(fresh_database, max_size=1) as pool:
        AuditRounds(lambda: time.time() + SETTLED_S + 60).turn(pool)
    assert main(["--config", str(config), "audit", "check"]) == 0
    assert "3 entries sealed, 0 stretches changed" in capsys.readouterr().out
    with connect(fresh_database) as conn:
        conn.execute("alter table audit disable trigger audit_append_only")
        conn.execute("delete from audit where target = 'm1'")
    assert main(["--config", str(config), "audit", "check"]) == 1
    assert "2 of 3 are there" in capsys.readouterr().out
