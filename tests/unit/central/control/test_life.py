"""The life of a command as a table: which result changes what."""

from __future__ import annotations

import pytest

from central.control.life import Change, change


@pytest.mark.parametrize(
    ("state", "code", "result", "expected"),
    [
        ("queued", "", "done", Change("done", "settled")),
        ("sent", "", "done", Change("done", "settled")),
        ("sent", "", "refused", Change("refused", "settled")),
        ("sent", "", "running", Change("running", "running")),
        ("running", "", "running", Change(None, None)),
        ("running", "", "failed", Change("failed", "settled")),
        ("done", "", "done", Change(None, None)),
        ("done", "", "running", Change(None, None)),
        ("done", "", "unknown", Change(None, "contradicted")),
        ("expired", "no_answer", "done", Change("done", "late", late=True)),
        ("expired", "not_sent", "failed", Change("failed", "late", late=True)),
        ("unknown", "no_result", "done", Change("done", "late", late=True)),
        ("expired", "no_answer", "running", Change(None, None)),
        ("expired", "expired", "expired", Change(None, None)),
        ("expired", "expired", "done", Change(None, "contradicted")),
        ("unknown", "interrupted", "done", Change(None, "contradicted")),
    ],
)
def test_change(state, code, result, expected):
    assert change(state, code, result) == expected
