// "12 seconds ago", counting on without asking the server. Same units and threshold as central/web/display.py.

import { texts } from "./texts.js";

const UNITS = [["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];
const THRESHOLD = 2;
const STALE_S = Number(document.body.dataset.staleS ?? 1800); // as long as a device counts as online

const words = new Intl.RelativeTimeFormat(texts.locale, { numeric: "always", style: "short" });

export function startAges() {
  // The server's clock may differ from the browser's: count from what the server said was now.
  const skew = Number(document.body.dataset.now ?? Date.now()) - Date.now();
  setInterval(() => showAges(document, skew), 1000);
}

export function showAges(root, skew = 0) {
  if (document.hidden) return;
  const now = Date.now() + skew;
  for (const element of root.querySelectorAll("time.age[data-at]")) {
    const seconds = Math.max(1, Math.floor((now - Number(element.dataset.at)) / 1000));
    const [unit, size] = UNITS.find(([, size]) => seconds >= size * THRESHOLD) ?? ["second", 1];
    const text = words.format(-Math.floor(seconds / size), unit);
    if (element.textContent !== text) element.textContent = text;
    element.classList.toggle("stale", seconds > STALE_S);
  }
}
