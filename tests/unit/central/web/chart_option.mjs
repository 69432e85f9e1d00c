// What the charts of central/web/charts.py become for the drawing library: run by test_charts.py with `node --test`, on a copy of static/js.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test from "node:test";

import { tooltipText } from "./chart_bars.js";
import { keyOf, optionOf } from "./chart_option.js";
import { wallClock } from "./chart_parts.js";

const ROLES = Object.fromEntries(["main", "compared", "sharp", "peak", "other", "A", "B"].map((role) => [role, `#${role.length}0a0b0`]));
const look = {
  locale: "en", narrow: false, font: "serif", hatch: "#ccc", roles: { ...ROLES, main: "#0072b2", compared: "#5c6873" }, heat: ["#eee", "#333"],
  ground: { surface: "#fff", sunken: "#eee", line: "#ddd", strong: "#bbb", ink: "#111", muted: "#555", accent: "#00f", soft: "#eef" },
  words: { quality: { estimated: "guessed", partial: "in part", unknown: "not known", measured: "measured" }, known: "{share} known", low: "little", high: "much", description: "what it shows" },
};
const series = (more) => ({ name: "now", values: [1, null, 3], role: "main", style: "bar", quality: [], stack: "", coverage: [], ...more });
const bars = (more) => ({ kind: "bars", title: "T", unit: "kWh", categories: ["a", "b", "c"], hrefs: [], horizontal: false, instants: [], zone: "", page_zone: "", decimals: 1, series: [series()], ...more });

test("a missing value is a gap and a word, never a zero", () => {
  const chart = bars();
  assert.deepEqual(optionOf(chart, look).series[0].data, [1, null, 3]);
  assert.equal(tooltipText(chart, look, [{ dataIndex: 1, seriesName: "now" }]), "b\nnow  — not known");
});

test("a tooltip says value, unit, quality and the share known", () => {
  const chart = bars({ series: [series({ quality: ["estimated", "unknown", "partial"], coverage: [1, 0, 0.8399] })] });
  assert.equal(tooltipText(chart, look, [{ dataIndex: 0, seriesName: "now" }]), "a\nnow  1.0 kWh · guessed");
  assert.equal(tooltipText(chart, look, [{ dataIndex: 2, seriesName: "now" }]), "c\nnow  3.0 kWh · in part · 83% known");
});

test("estimated bars are hatched, partly known ones lighter with a mark", () => {
  const [estimated, , partial] = optionOf(bars({ series: [series({ quality: ["estimated", "unknown", "partial"] })] }), look).series[0].data;
  assert.equal(estimated.itemStyle.decal.color, "#fff");
  assert.ok(partial.itemStyle.opacity < 1 && partial.label.show);
});

test("the compared period stands as an outline behind the bars, on an axis of its own", () => {
  const option = optionOf(bars({ series: [series(), series({ name: "before", style: "outline", role: "compared" })] }), look);
  const outline = option.series[1];
  assert.equal(option.xAxis[outline.xAxisIndex].show, false);
  assert.equal(outline.itemStyle.color, "transparent");
  assert.ok(outline.z < option.series[0].z);
  const chart = bars({ series: [series(), series({ name: "before", style: "outline", values: [7, 8, 9] })] });
  assert.equal(tooltipText(chart, look, [{ dataIndex: 2, seriesName: "now" }]), "c\nnow  3.0 kWh\nbefore  9.0 kWh");
});

test("the estimated part of a curve is dashed together with the way to it", () => {
  const values = [1, 2, 3, 4];
  const chart = bars({ categories: ["a", "b", "c", "d"], series: [series({ style: "line", values, quality: ["measured", "measured", "estimated", "measured"] })] });
  const [solid, guess] = optionOf(chart, look).series;
  assert.deepEqual(solid.data, [1, 2, null, 4]);
  assert.deepEqual(guess.data, [null, 2, 3, 4]);
  assert.ok(Array.isArray(guess.lineStyle.type));
});

test("the partly known part of a curve is faint, and no way is drawn in two marks", () => {
  const values = [1, 2, 3, 4];
  const chart = bars({ categories: ["a", "b", "c", "d"], series: [series({ style: "line", values, quality: ["measured", "partial", "estimated", "measured"] })] });
  const [solid, guess, faint] = optionOf(chart, look).series;
  assert.deepEqual([solid.data, guess.data, faint.data], [[1, null, null, 4], [null, 2, 3, 4], [1, 2, null, null]]);
  assert.ok(faint.lineStyle.opacity < 1);
});

test("a band is drawn as the height above its lower edge", () => {
  const edges = [series({ name: "low", style: "band", stack: "f", values: [1, 2, 3] }), series({ name: "high", style: "band", stack: "f", values: [4, 4, null] })];
  assert.deepEqual(optionOf(bars({ series: edges }), look).series[1].data, [3, 2, null]);
});

test("axes never tilt their labels", () => {
  for (const chart of [bars(), bars({ horizontal: true }), bars({ instants: [0, 900_000, 1_800_000] })]) {
    const option = optionOf(chart, look);
    for (const axis of [option.xAxis, option.yAxis].flat()) assert.equal(axis.axisLabel.rotate ?? 0, 0);
  }
});

test("instants follow the site's clock, and zoom only with Ctrl", () => {
  const clock = wallClock("Asia/Shanghai");
  assert.equal(clock(Date.UTC(2026, 10, 21, 16)), Date.UTC(2026, 10, 22, 0));
  assert.equal(wallClock("Europe/Berlin")(Date.UTC(2026, 2, 29, 1)), Date.UTC(2026, 2, 29, 3));
  const option = optionOf(bars({ instants: [0, 900_000, 1_800_000], page_zone: "Asia/Shanghai" }), look);
  assert.equal(option.xAxis.min, 8 * 3_600_000);
  assert.equal(option.dataZoom[0].zoomOnMouseWheel, "ctrl");
});

test("a click leads where the category's link leads, elsewhere nowhere", () => {
  assert.equal(keyOf(bars({ hrefs: ["", "/b", ""] }), { dataIndex: 1 }), "1");
  assert.equal(keyOf(bars({ hrefs: ["", "/b", ""] }), { dataIndex: 0 }), null);
  assert.equal(keyOf({ kind: "calendar", hrefs: { "2026-01-02": "/d" } }, { value: ["2026-01-02", 3] }), "2026-01-02");
  assert.equal(keyOf({ kind: "flow", hrefs: { b1: "/b1" } }, { dataType: "node", name: "b1" }), "b1");
  assert.equal(keyOf({ kind: "flow", hrefs: { b1: "/b1" } }, { dataType: "edge", name: "b1 > x" }), null);
});

test("cells of which nothing is known are left to the hatched ground", () => {
  const option = optionOf({ kind: "heat", title: "T", unit: "kWh", rows: ["r"], columns: ["0", "1"], values: [[null, 2]], hrefs: [], decimals: 0 }, look);
  assert.deepEqual(option.series[0].data, [[1, 0, 2, 0]]);
  assert.equal(option.grid.backgroundColor, "#ccc");
  assert.equal(option.visualMap.max, 2);
});

test("a turned heat map runs from left to right and leads where its rows do", () => {
  const chart = { kind: "heat", title: "T", unit: "kWh", rows: ["r", "s"], columns: ["0"], values: [[1], [2]], hrefs: ["", "/s"], decimals: 0, turned: true };
  const option = optionOf(chart, look);
  assert.deepEqual(option.xAxis.data, ["r", "s"]);
  assert.equal(keyOf(chart, { value: option.series[0].data[1] }), "1");
});

test("weeks of a calendar begin on Mondays", () => {
  const { dayLabel } = optionOf(CALENDAR, look).calendar;
  assert.equal(dayLabel.firstDay, 1);
  assert.deepEqual(dayLabel.nameMap, ["S", "M", "T", "W", "T", "F", "S"]);
});

const CALENDAR = { kind: "calendar", title: "T", unit: "kWh", year: 2026, values: { "2026-01-01": 3, "2026-01-02": null }, hrefs: {}, decimals: 0 };
const FLOW = { kind: "flow", title: "T", unit: "kWh", nodes: { in: ["Intake", "main"], a: ["Light", "A"], x: ["Rest", "other"] }, links: [["in", "a", 2], ["in", "x", 1]], hrefs: {}, decimals: 0 };
const ALL = [
  bars({ series: [series({ quality: ["estimated", "unknown", "partial"] }), series({ name: "before", style: "outline" }), series({ name: "limit", style: "dashed" })] }),
  bars({ horizontal: true }), bars({ instants: [0, 900_000, 1_800_000], series: [series({ style: "line" }), series({ name: "step", style: "step" })] }),
  { kind: "heat", title: "T", unit: "kWh", rows: ["r", "s"], columns: ["0", "1"], values: [[null, 2], [1, 3]], hrefs: [], decimals: 0, turned: true },
  CALENDAR, FLOW,
  { kind: "shares", title: "T", unit: "kWh", parts: [["a", 2, "A"], ["b", 1, "B"]], decimals: 0 },
];

// As in the browser, but into SVG text: an option the library cannot draw throws here.
test("the library draws every kind, wide and narrow", { skip: !process.env.ECHARTS && "static/vendor has no echarts: run npm ci and central.web.vendor" }, () => {
  const echarts = createRequire(import.meta.url)(process.env.ECHARTS);
  for (const chart of ALL) {
    for (const [narrow, width] of [[false, 900], [true, 360]]) {
      const drawn = echarts.init(null, null, { renderer: "svg", ssr: true, width, height: 400 });
      try {
        drawn.setOption(optionOf(chart, { ...look, narrow }));
        assert.ok(drawn.renderToSVGString().split("<path").length > 2, `${chart.kind} is empty`);
      } finally {
        drawn.dispose(); // or its timers keep the process alive
      }
    }
  }
});
