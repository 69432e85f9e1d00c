// Puts the charts of central/web/charts.py on the page: what they look like stands in chart_option.js, their data and a table of the same numbers
// in the page (chart.html). A click on a category follows the table's link, so that a chart leads nowhere the keyboard does not.

import { keyOf, optionOf } from "./chart_option.js";
import { readLook } from "./chart_look.js";
import { loadCharts } from "./echarts.js";
import { texts } from "./texts.js";

const NARROW_PX = 620;
const charts = new Map(); // element -> { chart, data, narrow }
let opened = [];

export function startCharts() {
  document.addEventListener("htmx:afterSettle", drawAll);
  document.addEventListener("ce:theme", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("beforeprint", openTables);
  addEventListener("afterprint", closeTables);
  drawAll();
}

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const shown = charts.get(target);
    if (!shown || shown.chart.isDisposed() || target.clientWidth === 0) continue;
    if (isNarrow(target) !== shown.narrow) draw(shown.echarts, target);
    else shown.chart.resize();
  }
});

async function drawAll() {
  forgetGone();
  for (const element of document.querySelectorAll(".plot:not([data-drawn])")) {
    element.dataset.drawn = "";
    try {
      const echarts = await loadCharts();
      if (element.isConnected) draw(echarts, element);
    } catch (error) {
      showTable(element);
      throw error;
    }
  }
}

function forgetGone() {
  for (const [element, { chart }] of charts) {
    if (element.isConnected) continue;
    sizes.unobserve(element);
    chart.dispose();
    charts.delete(element);
  }
}

function redraw() {
  for (const [element, { echarts }] of charts) if (element.isConnected) draw(echarts, element);
}

function draw(echarts, element) {
  const data = JSON.parse(document.getElementById(element.dataset.source).textContent);
  charts.get(element)?.chart.dispose();
  const narrow = isNarrow(element);
  const chart = echarts.init(element, null, { renderer: "canvas" });
  const look = { ...readLook(document.documentElement, texts.locale), words: data.words, narrow };
  charts.set(element, { chart, echarts, narrow });
  chart.setOption(optionOf(data, look));
  chart.on("click", (event) => follow(element, keyOf(data, event)));
  const axis = data.kind === "bars" ? `bars ${data.categories.length} ${data.categories[0]} ${data.categories.at(-1)}` : element.dataset.source;
  chart.group = axis; // charts over the same categories show them together
  echarts.connect(axis);
  sizes.observe(element);
}

function isNarrow(element) {
  return element.clientWidth < NARROW_PX;
}

function follow(element, key) {
  if (key !== null) element.closest("figure").querySelector(`a[data-key="${CSS.escape(key)}"]`)?.click();
}

// Without the library, or with data it cannot draw, the numbers speak for themselves.
function showTable(element) {
  element.hidden = true;
  const table = element.closest("figure")?.querySelector("details");
  if (table) table.open = true;
}

function openTables() {
  opened = [...document.querySelectorAll("details.chart-numbers:not([open])")];
  for (const table of opened) table.open = true;
}

function closeTables() {
  for (const table of opened) table.open = false;
  opened = [];
}
