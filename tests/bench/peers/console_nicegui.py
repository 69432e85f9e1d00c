"""The console's first page the obvious way in NiceGUI: a tree of places, a total with the month's bars, a heat map and the table of meters.

Run by its own environment's Python with BENCH_DSN, BENCH_TODAY and BENCH_PORT. `?node=CODE&tab=use|heat|meters&opened=CODE,CODE`.
"""

import os
import sys
from pathlib import Path

from nicegui import run, ui

sys.path.insert(0, str(Path(__file__).parent))
import console_sql as sql  # the folder is known only now

POOL = sql.open_pool()


@ui.page("/", response_timeout=60)
async def index(node: str = "campus", tab: str = "use", opened: str = "") -> None:
    """One visitor's page."""
    state = {"node": node, "tab": tab}

    @ui.refreshable
    async def content() -> None:
        first, last = sql.thirty_days() if state["tab"] == "heat" else sql.month()
        statement = {"use": sql.DAYS, "heat": sql.HOURS, "meters": sql.METERS}[state["tab"]]
        rows = await run.io_bound(sql.ask, POOL, statement, place=state["node"], first=first, last=last)
        with ui.column().classes("w-full content").props(f'data-place="{state["node"]}" data-tab="{state["tab"]}"'):
            {"use": use, "heat": heat, "meters": meters}[state["tab"]](rows)

    async def choose(**changed: str) -> None:
        state.update(changed)
        content.refresh()

    places = await run.io_bound(sql.ask, POOL, sql.PLACES)
    with ui.row().classes("w-full no-wrap"):
        with ui.scroll_area().classes("w-72 h-screen"):
            tree = ui.tree(sql.nested(places), on_select=lambda event: choose(node=event.value)).expand(["campus", *opened.split(",")])
            tree.add_slot("default-header", '<span :data-node="props.node.id">{{ props.node.label }}</span>')
        with ui.column().classes("w-full"):
            with ui.tabs(value=tab, on_change=lambda event: choose(tab=event.value)):
                for name in ("use", "heat", "meters"):
                    ui.tab(name)
            await content()


def use(rows: list[dict]) -> None:
    """Total and a bar a day."""
    ui.label(f"{sum(row['value'] for row in rows) / 1000:.0f} kWh").classes("figure text-2xl")
    ui.echart({
        "xAxis": {"type": "category", "data": [str(row["day"]) for row in rows]}, "yAxis": {"type": "value"}, "tooltip": {},
        "series": [{"type": "bar", "data": [row["value"] / 1000 for row in rows]}],
    }).classes("w-full h-80")  # fmt: skip


def heat(rows: list[dict]) -> None:
    """Day by hour."""
    days, values = sql.heat(rows)
    cells = [[hour, number, value] for number, row in enumerate(values) for hour, value in enumerate(row) if value is not None]
    ui.label(f"{len(days)} days").classes("figure text-2xl")
    ui.echart({
        "xAxis": {"type": "category", "data": list(range(24))}, "yAxis": {"type": "category", "data": days}, "tooltip": {},
        "visualMap": {"min": 0, "max": max((cell[2] for cell in cells), default=1)}, "series": [{"type": "heatmap", "data": cells}],
    }).classes("w-full h-96")  # fmt: skip


def meters(rows: list[dict]) -> None:
    """Every meter below the place."""
    columns = [{"name": key, "label": key, "field": key, "sortable": True} for key in ("code", "name_zh", "profile", "value")]
    ui.label(f"{len(rows)} meters").classes("figure text-2xl")
    ui.table(columns=columns, rows=rows, row_key="code", pagination=50).classes("w-full")


ui.run(host="127.0.0.1", port=int(os.environ["BENCH_PORT"]), reload=False, show=False, title="peer")
