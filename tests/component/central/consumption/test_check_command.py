"""`central consumption check`: what it prints, and its exit status."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from central.__main__ import main

Told = tuple[int, dict[str, object]]


@pytest.fixture
def command(campus, fresh_database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """`command("--all")` on a database with the last four days of two points: (exit status, what it says)."""
    midnight = datetime.now(ZoneInfo("Asia/Shanghai")).replace(hour=0, minute=0, second=0, microsecond=0)
    for code in ("a", "b"):
        campus.meter(code, place="b1")
        campus.feed(code, [(f"{midnight - timedelta(hours=hours):%Y-%m-%d %H:%M}", 9_600 - hours * 100) for hours in range(96)])
    campus.work()
    monkeypatch.setenv("CE_CENTRAL_DATABASE_DSN", fresh_database)

    def run(*options: str) -> Told:
        status = main(["--log-level", "error", "consumption", "check", "--json", *options])
        return status, json.loads(capsys.readouterr().out)

    return run


def test_figures_that_agree_exit_with_0(command):
    status, told = command("--days", "2")
    assert (status, told["mismatches"], told["points"]) == (0, 0, 2)
    assert told["days"] < command("--all")[1]["days"] == 10


def test_figures_that_do_not_agree_exit_with_1_until_they_are_repaired(command, campus):
    campus.sql(
        "update consumption_day set value = value + 1 where point_id = (select id from metering_point where code = 'a') and first_value = 9600"
    )

    status, told = command("--days", "2")
    assert status == 1
    assert any(line.startswith("day a ") for line in told["listed"])
    assert command("--all", "--repair")[0] == 1
    campus.work()
    assert command("--all", "--repair")[0] in (0, 1)
    campus.work()

    assert command("--all")[0] == 0
