"""No cell becomes a formula, whatever somebody calls a room."""

from __future__ import annotations

import pytest

from central.exports.formula import harmless


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\u3000=1", "\u00a0@x", "＝1", "＋1", "－1", "＠x", '=HYPERLINK("http://x","y")'],
)
def test_a_text_that_could_be_a_formula_is_made_one_that_cannot(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "101 室", "a=b", "12-3", "'=1", "m1"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert harmless(text) == text
