"""Every page of the console by its route, with the addresses it is looked at under. A new GET route stands here or in NO_PAGES, or a test fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle, product

from fastapi import FastAPI

from tests.e2e.console.campus import CURVED, DOWN
from tests.e2e.console.stage import CHIEF

STRANGER = ""  # nobody is signed in
# Fragments that a page fetches, files, redirects, streams
NO_PAGES = frozenset(
    {
        "/accounts/places",
        "/alarms/badge",
        "/alarms/{number}/children",
        "/devices/{code}/read-now",
        "/exports/{job}/file",
        "/language/{language}",
        "/live",
        "/login/back/{provider}",
        "/login/code",  # stands between password and console; tests/e2e/console/test_flows_identity.py passes it
        "/login/with/{provider}",
        "/metrics",
        "/search",
        "/tree",
        "/tree/{code}",
        "/wall/now",
        "/water/silent",
    }
)
PAGES: Mapping[str, tuple[str, ...]] = {
    "/": ("/?node=campus",),
    "/account": ("/account",),
    "/account/factor": ("/account/factor",),
    "/accounts": ("/accounts",),
    "/accounts/tokens": ("/accounts/tokens",),
    "/accounts/{account_id}": ("/accounts/{account}",),
    "/alarms": ("/alarms?node=campus", "/alarms?tab=table"),
    "/alarms/rules": ("/alarms/rules",),
    "/alarms/rules/{name}": ("/alarms/rules/gateway_offline",),
    "/alarms/windows": ("/alarms/windows",),
    "/alarms/{number}": ("/alarms/{alarm}", "/alarms/{parent}", "/alarms/{finding}"),
    "/api": ("/api",),
    "/audit": ("/audit",),
    "/batches": ("/batches",),
    "/batches/{batch}": ("/batches/{batch}",),
    "/devices/{code}": (f"/devices/{CURVED}", "/devices/w-dorm-1-5"),
    "/devices/{code}/ratio": (f"/devices/{CURVED}/ratio",),
    "/devices/{code}/replace": (f"/devices/{CURVED}/replace",),
    "/devices/{code}/switch": ("/devices/w-dorm-1-1/switch",),
    "/electricity": tuple(
        f"/electricity?node=campus&period=month&compare=previous&tab={tab}"
        for tab in ("overview", "ranking", "items", "heat", "demand", "tariff", "flow", "balance", "devices")
    ),
    "/exports": ("/exports",),
    "/findings": ("/findings",),
    "/gateways": ("/gateways",),
    "/gateways/{code}": ("/gateways/gw-01", f"/gateways/{DOWN}"),
    "/inbox": ("/inbox",),
    "/login": ("/login",),
    "/notifications": ("/notifications",),
    "/places": ("/places",),
    "/places/{code}": ("/places/campus", "/places/lab-101"),
    "/places/{code}/facts": ("/places/lab/facts",),
    "/quarantine": ("/quarantine",),
    "/wall": ("/wall",),
    "/wall/enter": ("/wall/enter",),
    "/wall/tokens": ("/wall/tokens",),
    "/waste": ("/waste?node=campus",),
    "/water": ("/water?node=campus&period=week",),
    "/water/health": ("/water/health?node=campus",),
    "/water/health/{code}": ("/water/health/w-dorm-1-5",),
    "/water/leaks": ("/water/leaks?node=campus",),
    "/water/leaks/{number}": ("/water/leaks/{leak}",),
    "/welcome": ("/welcome",),
}
OF_STRANGERS = frozenset({"/login", "/welcome", "/wall/enter"})
LANGUAGES, THEMES, SIZES = ("en", "zh_CN"), ("light", "dark"), ("phone", "desk", "wide")
# Three neighbours of this order have both languages and both themes
_FACES = (("en", "light"), ("zh_CN", "dark"), ("zh_CN", "light"), ("en", "dark"))
_SEEN = 3


@dataclass(frozen=True)
class Look:
    """How a page is looked at."""

    language: str
    theme: str
    size: str

    def __str__(self) -> str:
        return f"{self.language}-{self.theme}-{self.size}"


LOOKS = tuple(Look(*_FACES[number % 4], SIZES[number % 3]) for number in range(12))
assert len(set(LOOKS)) == len(list(product(LANGUAGES, THEMES, SIZES)))


def addresses() -> list[tuple[str, str]]:
    """Every address, numbers of the stage still to be put in, with the account that looks at it."""
    return [(address, STRANGER if route in OF_STRANGERS else CHIEF) for route, found in PAGES.items() for address in found]


def seen_as(look: Look) -> list[tuple[str, str]]:
    """The addresses whose turn it is. Every route has three looks or more, each of its addresses one: all sizes, both languages, both themes."""
    return [(address, account) for turn, _, address, account in turns() if turn == look]


def turns() -> Iterator[tuple[Look, str, str, str]]:
    """Look, route, address and account, one after the other in the order of LOOKS."""
    following = cycle(LOOKS)
    for route, found in PAGES.items():
        account = STRANGER if route in OF_STRANGERS else CHIEF
        for number in range(max(_SEEN, len(found))):
            yield next(following), route, found[number % len(found)], account


def get_routes(app: FastAPI) -> set[str]:
    """Paths of the GET routes that are no part of the JSON API."""
    return {path for path, methods in _routes(app.routes) if "GET" in methods and not path.startswith(("/api/", "/static"))}


def _routes(routes: object) -> Iterator[tuple[str, set[str]]]:
    for route in routes:  # type: ignore[attr-defined]
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _routes(inner.routes)
        elif getattr(route, "methods", None):
            yield route.path, route.methods
