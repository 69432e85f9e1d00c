// Live values: one stream for what the page shows, patched into cells by device and quantity. A hidden tab gives its connection back,
// because a browser has only six of them for a server.

import { showAges } from "./age.js";
import { texts } from "./texts.js";

let stream = null;
let watched = "";

export function startLive() {
  document.addEventListener("htmx:afterSettle", listen);
  document.addEventListener("visibilitychange", () => (document.hidden ? stop("paused") : listen()));
  addEventListener("pagehide", () => stop("paused"));
  addEventListener("pageshow", listen);
  listen();
}

function listen() {
  const devices = [...new Set([...document.querySelectorAll("[data-live]")].map((element) => element.dataset.live))].sort().join(",");
  if (stream && devices === watched && stream.readyState !== EventSource.CLOSED) return;
  stop("paused");
  if (!devices || document.hidden) return;
  watched = devices;
  stream = new EventSource(`/live?devices=${encodeURIComponent(devices)}`);
  stream.addEventListener("open", () => sign("live"));
  stream.addEventListener("error", () => sign("offline"));
  stream.addEventListener("values", (event) => patch(JSON.parse(event.data)));
  stream.addEventListener("bye", () => location.reload());
}

function stop(state) {
  stream?.close();
  stream = null;
  sign(state);
}

function sign(state) {
  for (const element of document.querySelectorAll(".live-sign")) {
    element.dataset.state = state;
    element.textContent = texts[state];
  }
}

function patch({ device, values }) {
  let newest = 0;
  for (const { quantity, text, exact, raw, at_ms, quality } of values) {
    newest = Math.max(newest, at_ms);
    for (const row of document.querySelectorAll(`[data-live="${CSS.escape(device)}"][data-quantity="${CSS.escape(quantity)}"]`)) {
      if (Number(row.dataset.at) >= at_ms) continue;
      row.dataset.at = at_ms;
      fill(row, "value", text, exact);
      fill(row, "raw", raw);
      const word = row.querySelector('[data-part="quality"]');
      if (word) {
        word.textContent = texts.quality[quality];
        word.className = `quality q-${quality}`;
      }
      const age = row.querySelector("time.age");
      if (age) age.dataset.at = at_ms;
      flash(row);
    }
  }
  for (const age of document.querySelectorAll(`time.age[data-live="${CSS.escape(device)}"]`)) if (newest > Number(age.dataset.at)) age.dataset.at = newest;
  showAges(document);
}

function fill(row, part, text, title) {
  const cell = row.querySelector(`[data-part="${part}"]`);
  if (!cell) return;
  cell.textContent = text;
  if (title) cell.title = title;
}

function flash(row) {
  row.classList.remove("flash");
  void row.offsetWidth; // restarts the animation
  row.classList.add("flash");
}
