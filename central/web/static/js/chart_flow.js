// Where it goes (Sankey), and parts of a whole.

import { colourOf, legend, sayer, tooltip } from "./chart_parts.js";

export function flowOption(chart, look) {
  const say = sayer(chart, look);
  const name = (key) => chart.nodes[key][0];
  return {
    tooltip: tooltip(look, { trigger: "item", formatter: ({ dataType, data, value, name: key }) => (dataType === "edge" ? `${name(data.source)} → ${name(data.target)}\n${say(value)}` : `${name(key)}\n${say(value)}`) }),
    series: [{
      type: "sankey", left: 12, right: look.narrow ? 90 : 170, top: 12, bottom: 12, nodeAlign: "left", nodeGap: 10, nodeWidth: 14, draggable: false, layoutIterations: 64,
      cursor: Object.keys(chart.hrefs).length ? "pointer" : "default", emphasis: { focus: "adjacency" },
      label: { color: look.ground.ink, overflow: "truncate", width: look.narrow ? 84 : 160, textBorderWidth: 0, formatter: ({ name: key }) => name(key) },
      lineStyle: { color: "source", opacity: 0.32, curveness: 0.5 },
      data: Object.entries(chart.nodes).map(([key, [, role]]) => ({ name: key, itemStyle: { color: colourOf(look, role), borderWidth: 0, ...(role === "other" ? { decal: untracked(look) } : {}) } })),
      links: chart.links.map(([source, target, value]) => ({ source, target, value })),
    }],
  };
}

export function sharesOption(chart, look) {
  const say = sayer(chart, look);
  const share = new Intl.NumberFormat(look.locale, { style: "percent", maximumFractionDigits: 1 });
  return {
    legend: { ...legend(look, chart.parts.map(([name]) => name)), show: look.narrow },
    tooltip: tooltip(look, { trigger: "item", formatter: ({ name, value, percent }) => `${name}\n${say(value)} · ${share.format(percent / 100)}` }),
    series: [{
      type: "pie", radius: ["48%", "72%"], center: ["50%", look.narrow ? "56%" : "50%"], cursor: "default", itemStyle: { borderColor: look.ground.surface, borderWidth: 2 },
      label: { show: !look.narrow, color: look.ground.ink, formatter: ({ name, percent }) => `${name}\n${share.format(percent / 100)}` }, labelLine: { lineStyle: { color: look.ground.strong } },
      data: chart.parts.map(([name, value, role]) => ({ name, value, itemStyle: { color: colourOf(look, role) } })),
    }],
  };
}

function untracked(look) {
  return { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [1, 3], rotation: Math.PI / 4, color: look.ground.surface };
}
