// Series over categories or instants: bars, stacks, lines, steps, the compared period behind them, rankings lying down.

import { categoryAxis, colourOf, hatched, legend, sayer, tooltip, valueAxis, wallClock } from "./chart_parts.js";

const PARTIAL_MARK = "△";
const ROOM_OF_MARKS = 40; // more categories than that and the marks of partly known bars would cover each other

export function barsOption(chart, look) {
  const timed = chart.instants.length > 0;
  const at = timed ? chart.instants.map(wallClock(chart.zone || chart.page_zone)) : null;
  const names = [...new Set(chart.series.map((series) => series.name))];
  const { across, along } = axes(chart, look, timed, at);
  return {
    useUTC: true,
    grid: { left: 12, right: chart.horizontal ? 36 : 20, top: chart.horizontal ? (names.length > 1 ? 30 : 6) : names.length > 1 ? 56 : 34, bottom: timed ? 46 : 10, containLabel: true },
    legend: legend(look, names),
    tooltip: tooltip(look, {
      trigger: "axis", axisPointer: { type: timed || isCurve(chart) ? "line" : "shadow", lineStyle: { color: look.ground.muted }, shadowStyle: { color: look.ground.accent, opacity: 0.08 } },
      formatter: (items) => tooltipText(chart, look, items),
    }),
    ...(chart.horizontal ? { xAxis: across, yAxis: along } : { xAxis: along, yAxis: across }),
    ...(timed ? { dataZoom: zoom(look) } : {}),
    series: chart.series.flatMap((series, index) => drawn(chart, look, series, index, at)),
  };
}

export function tooltipText(chart, look, items) {
  const index = items[0].dataIndex;
  const shown = new Set(items.map((item) => item.seriesName));
  const say = sayer(chart, look);
  // Outlines stand on an axis of their own, of which the library tells nothing here.
  const lines = chart.series.filter((series) => shown.has(series.name) || series.style === "outline").map((series) => `${series.name}  ${say(series.values[index], series.quality[index], series.coverage[index])}`);
  return [chart.categories[index], ...lines].join("\n");
}

function isCurve(chart) {
  return chart.series.every((series) => !["bar", "outline"].includes(series.style));
}

// Outlines stand on an axis of their own, so that they lie behind the bars instead of beside them.
function axes(chart, look, timed, at) {
  const across = valueAxis(chart, look, chart.horizontal ? { name: "" } : {});
  if (timed) {
    const span = { type: "time", min: at[0], max: at.at(-1), axisLine: { lineStyle: { color: look.ground.strong } }, axisLabel: { color: look.ground.muted, rotate: 0, hideOverlap: true, alignMinLabel: "left", alignMaxLabel: "right", formatter: instantLabel }, splitLine: { show: false } };
    return { across, along: span };
  }
  const lying = { inverse: true, triggerEvent: true, axisLabel: { width: look.narrow ? 104 : 190, overflow: "truncate", color: look.ground.ink, interval: 0 } };
  const standing = { boundaryGap: !isCurve(chart) };
  const axis = categoryAxis(look, chart.categories, chart.horizontal ? lying : standing);
  const behind = { ...axis, show: false, triggerEvent: false, axisPointer: { show: false }, axisLabel: { show: false } };
  return { across, along: chart.series.some((series) => series.style === "outline") ? [axis, behind] : axis };
}

const instantLabel = { year: "{yyyy}", month: "{yyyy}-{MM}", day: "{MM}-{dd}", hour: "{HH}:{mm}", minute: "{HH}:{mm}", second: "{HH}:{mm}:{ss}", millisecond: "{HH}:{mm}:{ss}" };

// The wheel scrolls the page; with Ctrl it zooms, and the slider below does without a wheel.
function zoom(look) {
  const { ground } = look;
  return [
    { type: "inside", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false, preventDefaultMouseMove: false, filterMode: "none" },
    { type: "slider", height: 20, bottom: 8, filterMode: "none", showDataShadow: false, brushSelect: false, backgroundColor: ground.sunken, fillerColor: ground.soft,
      borderColor: ground.line, textStyle: { color: ground.muted }, labelFormatter: (at) => new Date(at).toISOString().slice(5, 16).replace("T", " ") },
  ];
}

function drawn(chart, look, series, index, at) {
  if (series.style === "bar" || series.style === "outline") return [bar(chart, look, series, at)];
  if (series.style === "band") return [band(chart, look, series, index, at)];
  return curves(chart, look, series, at);
}

function points(values, at) {
  return at ? values.map((value, index) => [at[index], value]) : values;
}

function bar(chart, look, series, at) {
  const colour = colourOf(look, series.role);
  const outline = series.style === "outline";
  const axis = outline ? { [chart.horizontal ? "yAxisIndex" : "xAxisIndex"]: 1 } : {};
  const paint = outline ? { color: "transparent", borderColor: colour, borderWidth: 1.5 } : { color: colour, borderColor: look.ground.surface, borderWidth: series.stack ? 1 : 0 };
  const values = points(series.values, at);
  const topmost = !series.stack || series === chart.series.findLast((other) => other.stack === series.stack); // one mark for a stack
  return {
    name: series.name, type: "bar", ...axis, stack: series.stack || undefined, z: outline ? 1 : 3, cursor: chart.hrefs.length ? "pointer" : "default", barMaxWidth: outline ? 58 : 46,
    barCategoryGap: outline ? "12%" : "28%", barGap: "8%", itemStyle: paint, emphasis: { focus: "none" }, silent: outline,
    data: outline ? values : values.map((value, index) => marked(chart, look, value, series.quality[index], topmost)),
  };
}

function marked(chart, look, value, quality, topmost) {
  if (quality === "estimated") return { value, itemStyle: { decal: hatched(look) } };
  if (quality !== "partial") return value;
  const label = { show: topmost && chart.categories.length <= ROOM_OF_MARKS, position: chart.horizontal ? "right" : "top", distance: 2, formatter: PARTIAL_MARK, color: look.ground.ink, fontSize: 10 };
  return { value, itemStyle: { opacity: 0.55 }, label };
}

// A curve in parts of one name: what was measured; dashed what was estimated, faint what is partly known, each together with the way to it.
function curves(chart, look, series, at) {
  const colour = colourOf(look, series.role);
  const dashed = series.style === "dashed";
  const base = {
    name: series.name, type: "line", connectNulls: false, step: series.style === "step" && "end", stack: series.stack || undefined, z: dashed ? 2 : 4, silent: !chart.hrefs.length,
    symbol: "circle", symbolSize: 5, itemStyle: { color: colour }, sampling: series.values.length > 3000 ? "minmax" : undefined,
  };
  const marked = ["estimated", "partial"].filter((kind) => series.quality.includes(kind));
  const solid = series.values.map((value, index) => (marked.includes(series.quality[index]) ? null : value));
  const strokes = { estimated: { width: 2, type: [5, 4] }, partial: { width: 2, opacity: 0.5 } };
  return [
    { ...base, showSymbol: sparse(solid), data: points(solid, at), lineStyle: { color: colour, width: dashed ? 1.5 : 2, type: dashed ? "dashed" : "solid" } },
    ...marked.map((kind) => ({ ...base, showSymbol: false, data: points(withNeighbours(series, kind), at), lineStyle: { color: colour, ...strokes[kind] } })),
  ];
}

// Values of one quality; between two neighbours of different quality the later one's mark holds, so that no way is drawn twice.
function withNeighbours({ values, quality }, kind) {
  const ranks = { estimated: 2, partial: 1 };
  const rank = (index) => ranks[quality[index]] ?? 0;
  return values.map((value, index) => {
    const own = quality[index] === kind;
    const beside = [index - 1, index + 1].some((other) => quality[other] === kind && rank(index) < ranks[kind]);
    return own || beside ? value : null;
  });
}

// A value alone between gaps has no line to stand on.
function sparse(values) {
  return values.length <= 31 || values.some((value, index) => value !== null && (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null);
}

// Two series of one stack, the lower edge first: the second is drawn as the height above it.
function band(chart, look, series, index, at) {
  const lower = chart.series.slice(0, index).findLast((other) => other.style === "band" && other.stack === series.stack);
  const values = lower ? series.values.map((value, place) => (value === null || lower.values[place] === null ? null : value - lower.values[place])) : series.values;
  return {
    name: series.name, type: "line", stack: `band ${series.stack}`, stackStrategy: "all", symbol: "none", silent: true, z: 0, data: points(values, at), lineStyle: { opacity: 0 },
    itemStyle: { color: colourOf(look, series.role) }, areaStyle: { color: colourOf(look, series.role), opacity: lower ? 0.18 : 0 },
  };
}
