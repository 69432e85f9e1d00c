// What every kind of chart shares: how numbers, tooltips, axes and the marks of quality look.

const HOUR_MS = 3_600_000;

export function numbersOf(chart, look) {
  return new Intl.NumberFormat(look.locale, { minimumFractionDigits: chart.decimals, maximumFractionDigits: chart.decimals });
}

// "1,234.5 kWh · estimated · 83 % known"; missing is a word, never a zero.
export function sayer(chart, look) {
  const digits = numbersOf(chart, look);
  const share = new Intl.NumberFormat(look.locale, { style: "percent", maximumFractionDigits: 0 });
  return (value, quality = "measured", coverage = 1) => {
    if (value === null || value === undefined) return `— ${look.words.quality.unknown}`;
    const parts = [chart.unit ? `${digits.format(value)} ${chart.unit}` : digits.format(value)];
    if (quality !== "measured") parts.push(look.words.quality[quality]);
    if (coverage < 1) parts.push(look.words.known.replace("{share}", share.format(Math.floor(coverage * 100) / 100)));
    return parts.join(" · ");
  };
}

// Canvas text: the content security policy forbids the inline styles of an HTML tooltip.
export function tooltip(look, more) {
  return {
    renderMode: "richText", confine: true, backgroundColor: look.ground.surface, borderColor: look.ground.strong, textStyle: { color: look.ground.ink, fontSize: 13 }, ...more,
  };
}

export function categoryAxis(look, data, more = {}) {
  return {
    type: "category", data, axisTick: { show: false }, axisLine: { lineStyle: { color: look.ground.strong } }, splitLine: { show: false },
    ...more, axisLabel: { color: look.ground.muted, rotate: 0, hideOverlap: true, ...more.axisLabel },
  };
}

export function valueAxis(chart, look, more = {}) {
  const short = new Intl.NumberFormat(look.locale, { maximumFractionDigits: 3 });
  return {
    type: "value", name: chart.unit, nameGap: 14, nameTextStyle: { color: look.ground.muted, align: "left" }, splitNumber: look.narrow ? 3 : 5,
    axisLabel: { color: look.ground.muted, hideOverlap: true, formatter: (value) => short.format(value) },
    axisLine: { show: false }, splitLine: { lineStyle: { color: look.ground.line } }, ...more,
  };
}

export function legend(look, names) {
  return { show: names.length > 1, type: "scroll", top: 2, right: 12, left: look.narrow ? 12 : 90, itemWidth: 16, itemHeight: 10, textStyle: { color: look.ground.muted },
    pageTextStyle: { color: look.ground.muted }, pageIconColor: look.ground.muted, pageIconInactiveColor: look.ground.line, data: names };
}

export function colourOf(look, role) {
  return look.roles[role] || look.roles.main;
}

export function hatched(look) {
  return { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: -Math.PI / 4, color: look.ground.surface };
}

// Instants as a clock on the site's wall shows them, written as if they were UTC: the library knows no other zones.
export function wallClock(zone) {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: zone || undefined, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric" });
  const offsets = new Map();
  return (at) => {
    const hour = Math.floor(at / HOUR_MS);
    if (!offsets.has(hour)) offsets.set(hour, offsetOf(format, hour * HOUR_MS));
    return at + offsets.get(hour);
  };
}

function offsetOf(format, at) {
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const shown = Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour);
  const quarter = HOUR_MS / 4;
  return Math.round((shown - at) / quarter) * quarter;
}
