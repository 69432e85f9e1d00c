"""A browser's description of itself in two words people recognise: "Firefox · Windows"."""

from __future__ import annotations

# The first that is found wins: Edge calls itself Chrome too, Chrome calls itself Safari.
_BROWSERS = (
    ("MicroMessenger/", "WeChat"),
    ("DingTalk/", "DingTalk"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("python-httpx/", "httpx"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("HarmonyOS", "HarmonyOS"),
    ("OpenHarmony", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def device_words(description: str) -> str:
    """The browser and the system; empty where neither is known."""
    found = [next((name for mark, name in table if mark in description), "") for table in (_BROWSERS, _SYSTEMS)]
    return " · ".join(name for name in found if name)
