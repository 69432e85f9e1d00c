"""The console's first page the obvious way in Dash: places in a searchable list, a total with the month's bars, a heat map and the table of meters.

Dash has no tree; a list of 13,000 places, which it draws a screenful at a time, is lighter than nested elements would be. Run by its own
environment's Python with BENCH_DSN, BENCH_TODAY and BENCH_PORT. `?node=CODE&tab=use|heat|meters`.
"""

import os
import sys
from pathlib import Path
from urllib.parse import parse_qs

import plotly.graph_objects as go
from dash import Dash, Input, Output, dash_table, dcc, html

sys.path.insert(0, str(Path(__file__).parent))
import console_sql as sql  # the folder is known only now

POOL = sql.open_pool()
app = Dash(__name__, serve_locally=True, compress=True)


def layout() -> html.Div:
    """One visitor's page."""
    options = [{"label": row["name_zh"], "value": row["code"]} for row in sql.ask(POOL, sql.PLACES)]
    tabs = dcc.Tabs(id="tab", value="use", children=[dcc.Tab(label=name, value=name, id=f"tab-{name}") for name in ("use", "heat", "meters")])
    return html.Div([dcc.Location(id="url"), dcc.Dropdown(options, "campus", id="node"), tabs, html.Div(id="content")])


app.layout = layout


@app.callback(Output("node", "value"), Output("tab", "value"), Input("url", "search"))
def asked(search: str | None) -> tuple[str, str]:
    """What the address asks for."""
    parts = parse_qs((search or "").removeprefix("?"))
    return parts.get("node", ["campus"])[0], parts.get("tab", ["use"])[0]


@app.callback(Output("content", "children"), Input("node", "value"), Input("tab", "value"), prevent_initial_call=True)
def content(node: str, tab: str) -> html.Div:
    """The chosen tab of the chosen place."""
    first, last = sql.thirty_days() if tab == "heat" else sql.month()
    rows = sql.ask(POOL, {"use": sql.DAYS, "heat": sql.HOURS, "meters": sql.METERS}[tab], place=node, first=first, last=last)
    parts = {"use": use, "heat": heat, "meters": meters}[tab](rows)
    return html.Div(parts, className="content", **{"data-place": node, "data-tab": tab})


def use(rows: list[dict]) -> list:
    """Total and a bar a day."""
    total = html.H2(f"{sum(row['value'] for row in rows) / 1000:.0f} kWh", className="figure")
    return [total, dcc.Graph(figure=go.Figure(go.Bar(x=[row["day"] for row in rows], y=[row["value"] / 1000 for row in rows])))]


def heat(rows: list[dict]) -> list:
    """Day by hour."""
    days, values = sql.heat(rows)
    return [html.H2(f"{len(days)} days", className="figure"), dcc.Graph(figure=go.Figure(go.Heatmap(x=list(range(24)), y=days, z=values)))]


def meters(rows: list[dict]) -> list:
    """Every meter below the place."""
    columns = [{"name": key, "id": key} for key in ("code", "name_zh", "profile", "value")]
    return [html.H2(f"{len(rows)} meters", className="figure"), dash_table.DataTable(rows, columns, page_size=50, sort_action="native")]


app.run(host="127.0.0.1", port=int(os.environ["BENCH_PORT"]), debug=False)
