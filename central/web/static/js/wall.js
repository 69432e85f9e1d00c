// The wall screen: three views in turn, refreshed by htmx, and a sign that says how old the data is. It needs nobody: a lost server is tried again
// for ever, a new version of the page loads itself.

const TURN_MS = 20_000;
const STALE_MS = 5 * 60_000;
const AWAY_MS = 40_000; // two refreshes and a half
const VIEWS = 3;

let view = 0;
let paused = false;
let hovered = false;
let turned = performance.now();
let refreshed = performance.now(); // when the last answer came, by a clock nobody sets
let facts = {};

const zone = document.body.dataset.zone;
const clock = new Intl.DateTimeFormat(document.body.dataset.locale, { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const moment = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });

document.addEventListener("htmx:afterSwap", (event) => event.detail.target.id === "wall" && arrived());
document.addEventListener("keydown", keys);
document.addEventListener("click", (event) => event.target.closest("button[data-view]") && show(Number(event.target.closest("button").dataset.view)));
document.getElementById("wall").addEventListener("pointerenter", () => hover(true));
document.getElementById("wall").addEventListener("pointerleave", () => hover(false));
addEventListener("online", () => htmx.trigger("#wall", "now"));
setInterval(tick, 1000);
arrived();
tick();

function arrived() {
  const element = document.getElementById("wall-facts");
  if (element.dataset.version !== document.body.dataset.version) return location.reload();
  facts = { now: Number(element.dataset.now), received: Number(element.dataset.received) || null };
  refreshed = performance.now();
  show(view, false);
  sign();
}

function tick() {
  const now = serverNow();
  document.getElementById("wall-clock").textContent = clock.format(now);
  if (!paused && !hovered && performance.now() - turned >= TURN_MS) show((view + 1) % VIEWS);
  sign();
}

// The server's time, counted on here: a screen's own clock may be wrong.
function serverNow() {
  return facts.now + (performance.now() - refreshed);
}

function show(next, restart = true) {
  view = next;
  if (restart) turned = performance.now();
  for (const section of document.querySelectorAll(".view")) section.hidden = Number(section.dataset.view) !== view;
  for (const button of document.querySelectorAll("button[data-view]")) button.setAttribute("aria-pressed", String(Number(button.dataset.view) === view));
}

function sign() {
  const away = performance.now() - refreshed > AWAY_MS;
  const stale = facts.received !== null && serverNow() - facts.received > STALE_MS;
  const word = away ? "away" : facts.received === null ? "none" : stale ? "stale" : "fresh";
  for (const one of document.querySelectorAll("[data-sign]")) one.hidden = one.dataset.sign !== word;
  document.body.classList.toggle("old", word !== "fresh");
  const [data, old, since] = ["wall-data", "wall-stale", "wall-away"].map((id) => document.getElementById(id));
  data.textContent = old.textContent = facts.received === null ? "" : moment.format(facts.received);
  since.textContent = moment.format(facts.now);
}

function keys(event) {
  if (event.key === " ") pause(!paused);
  else if (event.key === "ArrowRight") show((view + 1) % VIEWS);
  else if (event.key === "ArrowLeft") show((view + VIEWS - 1) % VIEWS);
  else return;
  event.preventDefault();
}

function pause(on) {
  paused = on;
  turned = performance.now();
  signPause();
}

function hover(on) {
  hovered = on;
  if (!on) turned = performance.now();
  signPause();
}

function signPause() {
  document.getElementById("wall-paused").hidden = !(paused || hovered);
}
