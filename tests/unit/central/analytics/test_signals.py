"""The word for a signal."""

from __future__ import annotations

import pytest

from central.analytics.signals import signal_word


@pytest.mark.parametrize(
    ("rsrp", "csq", "word"),
    [
        (-80, None, "good"),
        (-95, None, "good"),
        (-96, None, "fair"),
        (-105, 31, "fair"),
        (-115, None, "weak"),
        (-116, None, "very_weak"),
        (None, 31, "good"),
        (None, 12, "fair"),
        (None, 6, "weak"),
        (None, 0, "very_weak"),
        (None, 99, None),
        (None, None, None),
    ],
)
def test_signal_has_a_word(rsrp, csq, word):
    assert signal_word(rsrp, csq) == word
