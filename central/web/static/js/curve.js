// Draws the day curve. Gaps stay gaps, estimated and suspect points keep their mark; tooltips are canvas text because the content
// security policy forbids inline styles. The library is fetched when the first chart appears.

import { loadCharts } from "./echarts.js";
import { texts } from "./texts.js";

const charts = new Set();

export function startCurves() {
  document.addEventListener("htmx:afterSettle", drawAll);
  document.addEventListener("ce:theme", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("resize", () => charts.forEach((chart) => chart.resize()));
  drawAll();
}

function redraw() {
  for (const element of document.querySelectorAll(".chart[data-drawn]")) delete element.dataset.drawn;
  drawAll();
}

async function drawAll() {
  for (const chart of charts) {
    if (!chart.getDom().isConnected) {
      chart.dispose();
      charts.delete(chart);
    }
  }
  for (const element of document.querySelectorAll(".chart:not([data-drawn])")) {
    element.dataset.drawn = "";
    const echarts = await loadCharts();
    if (element.isConnected) draw(echarts, element);
  }
}

function draw(echarts, element) {
  const curve = JSON.parse(document.getElementById(element.dataset.source).textContent);
  echarts.getInstanceByDom(element)?.dispose();
  const chart = echarts.init(element, null, { renderer: "canvas" });
  charts.add(chart);
  chart.setOption(options(curve, getComputedStyle(document.documentElement)));
}

function legend(curve, marked) {
  const names = [curve.name];
  if (curve.before.length) names.push(curve.before_name);
  for (const kind of ["estimated", "suspect"]) if (marked(kind).length) names.push(texts.quality[kind]);
  return names;
}

function options(curve, style) {
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: curve.zone, hour: "2-digit", minute: "2-digit" });
  const axis = { axisLine: { lineStyle: { color: colour("line-strong") } }, axisLabel: { color: colour("muted") }, splitLine: { lineStyle: { color: colour("line") } } };
  const digits = new Intl.NumberFormat(texts.locale, { minimumFractionDigits: curve.decimals, maximumFractionDigits: curve.decimals });
  const moment = new Intl.DateTimeFormat("en-GB", { timeZone: curve.zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const said = (value) => curve.words[value] ?? `${digits.format(value)} ${curve.unit}`;
  const marked = (kind) => curve.points.filter((point) => point[2] === kind);
  const dots = (name, kind, symbol, paint) => ({
    name, type: "scatter", data: marked(kind), symbol, symbolSize: 8, itemStyle: { color: paint, borderColor: colour("surface") }, z: 5,
  });
  return {
    animation: false,
    aria: { enabled: true, label: { description: curve.description } },
    textStyle: { fontFamily: style.fontFamily },
    grid: { left: 12, right: 20, top: 36, bottom: 40, containLabel: true },
    dataZoom: zoom(colour, clock),
    legend: { type: "scroll", top: 4, right: 16, width: "70%", itemWidth: 18, itemHeight: 9, textStyle: { color: colour("muted") }, data: legend(curve, marked) },
    tooltip: {
      trigger: "axis", renderMode: "richText", backgroundColor: colour("surface"), borderColor: colour("line-strong"),
      textStyle: { color: colour("ink") }, axisPointer: { lineStyle: { color: colour("muted") } },
      formatter: (items) => [moment.format(items[0].value[0]), ...items.map((item) => `${item.seriesName}  ${said(item.value[1])}`)].join("\n"),
    },
    xAxis: { type: "time", min: curve.from_ms, max: curve.to_ms, ...axis, splitLine: { show: false },
      axisLabel: { color: colour("muted"), hideOverlap: true, formatter: (at) => (at === curve.to_ms ? "24:00" : clock.format(at)) } },
    yAxis: { type: "value", name: curve.unit, nameTextStyle: { color: colour("muted"), align: "left" }, nameGap: 12, ...axis, ...heights(curve, axis) },
    series: [
      { name: curve.before_name, type: "line", data: curve.before, connectNulls: false, showSymbol: false, silent: true, z: 1,
        lineStyle: { type: "dashed", width: 1.2, color: colour("chart-2") }, itemStyle: { color: colour("chart-2") } },
      { name: curve.name, type: "line", data: curve.line, step: curve.steps && "end", connectNulls: false, showSymbol: curve.points.length < 60, symbolSize: 4, z: 3,
        lineStyle: { width: 2, color: colour("chart-1") }, itemStyle: { color: colour("chart-1") } },
      dots(texts.quality.estimated, "estimated", "diamond", colour("chart-est")),
      dots(texts.quality.suspect, "suspect", "triangle", colour("chart-sus")),
    ],
  };
}

// Words for states; room around a value that does not move, which would else stand on a scale of its own making.
function heights(curve, axis) {
  if (Object.keys(curve.words).length) {
    return { min: 0, max: (span) => Math.max(1, span.max), interval: 1, axisLabel: { ...axis.axisLabel, formatter: (value) => curve.words[value] ?? value } };
  }
  const pad = ({ min, max }) => (min === max ? Math.max(Math.abs(max) * 0.01, 0.01) : 0);
  return { scale: true, min: (span) => (pad(span) ? span.min - pad(span) : null), max: (span) => (pad(span) ? span.max + pad(span) : null) };
}

// The wheel scrolls the page; with Ctrl it zooms, and the slider below does without a wheel.
function zoom(colour, clock) {
  return [
    { type: "inside", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false, preventDefaultMouseMove: false, filterMode: "none", minValueSpan: 60_000 },
    { type: "slider", height: 20, bottom: 8, filterMode: "none", minValueSpan: 60_000, showDataShadow: false, brushSelect: false, backgroundColor: colour("sunken"),
      fillerColor: colour("accent-soft"), borderColor: colour("line"), textStyle: { color: colour("muted") }, labelFormatter: (at) => clock.format(at) },
  ];
}
