"""Central's console measured: opening pages, switching places, what changes a part, server times, many operators."""

from __future__ import annotations

import numpy as np
from playwright.sync_api import Browser

from tests.bench.console.asking import ask, click_around
from tests.bench.console.beside import TIMES, measured
from tests.bench.console.browser import Desk, Wanted, act_ms, click_ms, middle, tell
from tests.bench.console.server import Server, sign_in
from tests.bench.console.tour import FIGURES, ROWS, Spots, clicked, direct, first_pages
from tests.bench.figure import Figure

_ASKS = 30
_SETTLE_MS = 150  # new links are htmx's only some ms after they are seen
_TYPE = "const box = document.querySelector('#search'); box.focus(); box.value = '%s'; box.dispatchEvent(new Event('input', {bubbles: true}))"
_SORT = '.table-body thead a[href*="sort=place"]'
_OPERATORS, _OPERATE_S = 20, 15.0
_AIM_USEFUL_MS, _AIM_SWITCH_MS, _AIM_YEAR_MS, _AIM_KB, _AIM_SERVER_MS = 2000, 500, 1000, 700, 300


class Ours:
    """Our side, signed in."""

    def __init__(self, dsn: str, server: Server, browser: Browser, at: Spots) -> None:
        self._dsn, self._server, self._at = dsn, server, at
        self._port = int(server.url.rpartition(":")[2])
        self._cookie = sign_in(dsn, server, "bench")
        self._desk = Desk(browser, server.url, ("ce_session", self._cookie))

    def first_paints(self) -> list[Figure]:
        """Opening each page by its address."""
        figures = []
        for name, (path, look) in first_pages(self._at).items():
            tell(f"first paint of {name}")
            cold, warm = (self._desk.visits(path, look, TIMES, warm=warm) for warm in (False, True))
            aim = _AIM_YEAR_MS if name == "meter's year" else _AIM_USEFUL_MS
            drawn = f", drawn {middle(cold.drawn_ms):.0f} / {middle(warm.drawn_ms):.0f} ms" if cold.drawn_ms else ""
            size = f"{middle(cold.bytes) / 1024:.0f} / {middle(warm.bytes) / 1024:.0f} KB"
            useful = f"useful {middle(cold.useful_ms):.0f} / {middle(warm.useful_ms):.0f} ms"
            figures.append(Figure(f"{name}, cold / warm", f"{useful}{drawn}, {size}", aim=f"< {aim} ms, ≤ {_AIM_KB} KB"))
        return figures

    def switches(self) -> list[Figure]:
        """Campus to building, floor and room by clicks in the tree (places: on its tiles)."""
        found: dict[str, list[float]] = {}
        for _ in range(TIMES):
            for page, times in (("electricity", self._by_tree("/electricity?node=campus")), ("places", self._by_tiles())):
                for kind, took in zip(("building", "floor", "room"), times, strict=True):
                    found.setdefault(f"{page}: switch to a {kind}", []).append(took)
        return [Figure(name, f"{middle(times):.0f} ms, most {max(times):.0f}", aim=f"< {_AIM_SWITCH_MS} ms") for name, times in found.items()]

    def _by_tree(self, path: str) -> list[float]:
        times = []
        with self._desk.opened(path) as page:
            for node in self._at.way:
                page.wait_for_selector(f'#tree a[data-place="{node}"]', state="visible")
                page.wait_for_timeout(_SETTLE_MS)
                times.append(click_ms(page, f'#tree a[data-place="{node}"]', Wanted(f'#content[data-place="{node}"] {FIGURES}')))
                twist = page.locator(f'#tree .row:has(> a[data-place="{node}"]) > button.twist')
                if twist.count() and twist.get_attribute("aria-expanded") != "true":
                    twist.click()
        return times

    def _by_tiles(self) -> list[float]:
        with self._desk.opened("/places/campus") as page:
            return [click_ms(page, f'a.tile[href="/places/{node}"]', Wanted(f'#content[data-place="{node}"] {ROWS}')) for node in self._at.way]

    def parts(self) -> list[Figure]:
        """What changes a part of a page: search, sorting and paging the table of devices."""
        search, sort, following = [], [], []
        for _ in range(TIMES):
            with self._desk.opened("/places/campus") as page:
                typed = _TYPE % self._at.room
                search.append(act_ms(page, typed, Wanted('#search-results a[role="option"]')))
            with self._desk.opened("/places/campus") as page:
                sort.append(click_ms(page, _SORT, Wanted('.table-body thead th[aria-sort="ascending"] a[href*="sort=place"]', ".")))
                second = '.table-body .page-link[aria-current="page"]'
                following.append(click_ms(page, '.table-body .page-link[href*="offset=50"]', Wanted(second, "^2$")))
        return [
            Figure("search: from typing to hits, 150 ms of them waiting for more", f"{middle(search):.0f} ms", aim="< 500 ms"),
            Figure("13,760 devices: sort by another column", f"{middle(sort):.0f} ms", aim=f"< {_AIM_SWITCH_MS} ms"),
            Figure("13,760 devices: second page", f"{middle(following):.0f} ms", aim=f"< {_AIM_SWITCH_MS} ms"),
        ]

    def alone(self) -> list[Figure]:
        """Server times without a browser."""
        figures = []
        for name, path in direct(self._at).items():
            one = ask(self._port, self._cookie, path, _ASKS)
            told = f"p50 {one.p50_ms:.0f}, p95 {one.p95_ms:.0f} ms, {one.body_bytes / 1024:.1f} KB gz"
            figures.append(Figure(f"server: {name}", told if one.status == 200 else f"answered {one.status}", aim=f"p50 < {_AIM_SERVER_MS} ms"))
        return figures

    def operators(self) -> list[Figure]:
        """Many at once."""
        tell("operators")
        cookies = [sign_in(self._dsn, self._server, f"bench{number // 5}") for number in range(_OPERATORS)]
        before_mib, before_s = self._server.rss_mib(), self._server.cpu_s()
        paths = clicked(self._at)
        paced = click_around(self._port, cookies, paths, _OPERATE_S, pause_s=3.0)
        rushed = click_around(self._port, cookies, paths, _OPERATE_S)
        used_s = self._server.cpu_s() - before_s
        name = f"{_OPERATORS} operators on one web process"
        figures = []
        for how, found in (("a click every 3 s", paced), ("without a pause", rushed)):
            p50, p95 = np.percentile(found.all_ms, [50, 95])
            told = f"p50 {p50:.0f}, p95 {p95:.0f} ms, {len(found.all_ms) / found.seconds:.0f} pages/s, {found.failed} failed"
            figures.append(Figure(f"{name}, {how}", told, aim="p95 < 1000 ms, none failed" if found is paced else "none failed"))
        after = f"{before_mib:.0f} → {self._server.rss_mib():.0f} MiB, {used_s / (2 * _OPERATE_S):.0%} of a core"
        return [*figures, Figure(f"{name}: memory and processor", after)]

    def beside_peers(self) -> dict[str, float]:
        """What peers are measured by as well."""
        tell("what stands beside peers")
        building = self._at.building
        pages = {
            "use": ("/electricity?node=campus", Wanted(FIGURES, drawn="#course canvas")),
            "heat": (f"/electricity?node={building}&tab=heat", Wanted("figure figcaption", ".", "figure canvas")),
            "meters": (f"/electricity?node={building}&tab=devices", Wanted(ROWS)),
        }
        switches = [took for _ in range(TIMES) for took in self._by_tree("/electricity?node=campus")]
        return measured(self._desk, self._server, pages) | {"switch": middle(switches)}
