// Cells by colour: rows and columns, or a year by day. The scale is drawn beside them; cells of which nothing is known show the hatched ground.

import { categoryAxis, numbersOf, sayer, tooltip } from "./chart_parts.js";

export function heatOption(chart, look) {
  const place = chart.turned ? (row, column) => [row, column] : (row, column) => [column, row];
  const cells = chart.values.flatMap((line, row) => line.flatMap((value, column) => (value === null ? [] : [[...place(row, column), value, row]])));
  const say = sayer(chart, look);
  const [along, down] = chart.turned ? [chart.rows, chart.columns] : [chart.columns, chart.rows];
  return {
    grid: { left: 12, right: chart.turned ? 44 : 16, top: 52, bottom: 8, containLabel: true, show: true, backgroundColor: look.hatch, borderWidth: 0 },
    tooltip: tooltip(look, { formatter: ({ value }) => `${along[value[0]]}  ${down[value[1]]}\n${say(value[2])}` }),
    visualMap: scale(chart, look, cells.map((cell) => cell[2])),
    xAxis: categoryAxis(look, along, { axisLine: { show: false } }),
    yAxis: categoryAxis(look, down, { inverse: true, axisLine: { show: false }, axisLabel: { width: look.narrow ? 84 : 150, overflow: "truncate" } }),
    series: [{ type: "heatmap", data: cells, cursor: chart.hrefs.length ? "pointer" : "default", progressive: 0, itemStyle: { borderWidth: cells.length < 1500 ? 1 : 0, borderColor: look.ground.surface },
      emphasis: { itemStyle: { borderColor: look.ground.ink, borderWidth: 1.5 } } }],
  };
}

export function calendarOption(chart, look) {
  const days = Object.entries(chart.values).filter(([, value]) => value !== null);
  const unknown = Object.entries(chart.values).filter(([, value]) => value === null);
  const say = sayer(chart, look);
  const upright = look.narrow;
  return {
    tooltip: tooltip(look, { formatter: ({ value, data }) => (data.unknown ? `${data.value[0]}\n${say(null)}` : `${value[0]}\n${say(value[1])}`) }),
    visualMap: { ...scale(chart, look, days.map(([, value]) => value)), seriesIndex: 0 },
    calendar: {
      range: String(chart.year), orient: upright ? "vertical" : "horizontal", top: upright ? 84 : 82, left: upright ? 56 : 44, right: 16, bottom: 8,
      cellSize: ["auto", "auto"], splitLine: { lineStyle: { color: look.ground.strong, width: 1 } },
      itemStyle: { color: look.ground.surface, borderColor: look.ground.line, borderWidth: 0.5 }, yearLabel: { show: false },
      dayLabel: { firstDay: 1, nameMap: weekdays(look.locale), color: look.ground.muted }, monthLabel: { nameMap: months(look.locale), color: look.ground.muted },
    },
    series: [
      { type: "heatmap", coordinateSystem: "calendar", data: days, cursor: Object.keys(chart.hrefs).length ? "pointer" : "default", emphasis: { itemStyle: { borderColor: look.ground.ink, borderWidth: 1.5 } } },
      { type: "scatter", coordinateSystem: "calendar", symbol: "path://M-1 1L1 -1", symbolSize: 7, itemStyle: { color: "transparent", borderColor: look.ground.strong, borderWidth: 1.2 },
        data: unknown.map(([day]) => ({ value: [day, 0], unknown: true })) },
    ],
  };
}

function scale(chart, look, values) {
  const digits = numbersOf(chart, look);
  const low = values.length ? Math.min(0, values.reduce((one, other) => Math.min(one, other))) : 0;
  const high = values.length ? values.reduce((one, other) => Math.max(one, other)) : 1;
  return {
    type: "continuous", min: low, max: high > low ? high : low + 1, dimension: chart.kind === "heat" ? 2 : 1, calculable: true, orient: "horizontal", left: 12, top: 2, itemWidth: 12,
    itemHeight: look.narrow ? 110 : 180, inRange: { color: look.heat }, textStyle: { color: look.ground.muted }, formatter: (value) => digits.format(value),
    text: [`${look.words.high} (${chart.unit})`, look.words.low], handleStyle: { color: look.ground.accent },
  };
}

function weekdays(locale) {
  const format = new Intl.DateTimeFormat(locale, { weekday: "narrow", timeZone: "UTC" });
  return Array.from({ length: 7 }, (_, day) => format.format(Date.UTC(2023, 0, 1 + day))); // 2023-01-01 was a Sunday, which the library counts first
}

function months(locale) {
  const format = new Intl.DateTimeFormat(locale, { month: "short", timeZone: "UTC" });
  return Array.from({ length: 12 }, (_, month) => format.format(Date.UTC(2023, month, 1)));
}
