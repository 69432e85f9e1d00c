// From the data of a chart to what the chart library draws. Pure: `look` brings colours, words, locale and whether there is little room.

import { barsOption } from "./chart_bars.js";
import { flowOption, sharesOption } from "./chart_flow.js";
import { calendarOption, heatOption } from "./chart_heat.js";

const KINDS = { bars: barsOption, heat: heatOption, calendar: calendarOption, flow: flowOption, shares: sharesOption };

export function optionOf(chart, look) {
  return {
    animation: false,
    aria: { enabled: true, label: { description: look.words.description } },
    textStyle: { fontFamily: look.font },
    ...KINDS[chart.kind](chart, look),
  };
}

// What was clicked, as the table names it; null where nothing lies behind it.
export function keyOf(chart, event) {
  if (chart.kind === "bars") return chart.hrefs[event.dataIndex] ? String(event.dataIndex) : null;
  if (chart.kind === "heat") return chart.hrefs[event.value?.[3]] ? String(event.value[3]) : null; // the row stands behind the value
  if (chart.kind === "calendar") return chart.hrefs[event.value?.[0]] ? event.value[0] : null;
  if (chart.kind === "flow" && event.dataType === "node") return chart.hrefs[event.name] ? event.name : null;
  return null;
}
