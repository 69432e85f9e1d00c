"""Browsers in two words."""

from __future__ import annotations

import pytest

from central.identity.device_words import device_words


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox · Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0", "Edge · Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36 MicroMessenger/8.0", "WeChat · Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Safari/604.1", "Safari · iPhone"),
        ("curl/8.5", "curl"),
        ("", ""),
    ],
)
def test_browser_and_system_are_told(description: str, words: str) -> None:
    assert device_words(description) == words
