// The search box: `/` focuses it, arrows choose, Enter opens, Escape closes. htmx fetches the list; this file moves in it. An empty box offers what was
// opened last in this browser by this account.

import { texts } from "./texts.js";

const MAX_RECENT = 8;
const MAX_TITLE = 80;
const OPENED = /^\/(places|devices|gateways)\/[^/]+$/;

export function startSearch() {
  const input = document.getElementById("search");
  const list = document.getElementById("search-results");
  if (!input) return;
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      input.focus();
      input.select();
    }
  });
  input.addEventListener("keydown", (event) => move(event, input, list));
  input.addEventListener("focus", () => input.value.trim() || offerRecent(input, list));
  input.addEventListener("input", () => input.value.trim() || offerRecent(input, list));
  list.addEventListener("htmx:beforeSwap", (event) => (event.detail.shouldSwap &&= input.value.trim() !== "")); // the box was emptied meanwhile
  list.addEventListener("htmx:afterSettle", () => show(input, list, input.value.trim() !== ""));
  list.addEventListener("click", (event) => event.target.closest("a") && finish(input, list));
  document.addEventListener("click", (event) => event.target.closest(".search") || show(input, list, false));
  document.addEventListener("focusin", (event) => event.target.closest(".search") || show(input, list, false));
  document.addEventListener("htmx:afterSettle", (event) => event.detail.target?.id === "content" && remember());
  remember();
}

function move(event, input, list) {
  const options = [...list.querySelectorAll('a[role="option"]')];
  const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (options.length === 0) return;
    show(input, list, true);
    const step = event.key === "ArrowDown" ? 1 : -1;
    choose(input, options, (at + step + options.length + (at < 0 && step < 0 ? 1 : 0)) % options.length);
  } else if (event.key === "Enter") {
    event.preventDefault();
    if (!list.hidden) (options[at] ?? options[0])?.click();
  } else if (event.key === "Escape") {
    show(input, list, false);
    input.blur();
  }
}

function choose(input, options, index) {
  options.forEach((option, position) => option.setAttribute("aria-selected", String(position === index)));
  options[index].scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", options[index].id);
}

function show(input, list, open) {
  list.hidden = !open;
  input.setAttribute("aria-expanded", String(open));
  if (!open) input.removeAttribute("aria-activedescendant");
}

function finish(input, list) {
  show(input, list, false);
  input.value = "";
  input.blur();
}

function offerRecent(input, list) {
  const opened = recent();
  list.replaceChildren();
  if (opened.length) {
    const title = document.createElement("p");
    title.className = "group";
    title.setAttribute("role", "presentation");
    title.textContent = texts.recent;
    list.append(title, ...opened.map(option));
    htmx.process(list);
  }
  show(input, list, opened.length > 0);
}

function option({ path, title }, index) {
  const link = document.createElement("a");
  const name = document.createElement("span");
  const code = document.createElement("span");
  link.href = path;
  link.id = `recent-${index}`;
  link.tabIndex = -1;
  link.setAttribute("role", "option");
  link.setAttribute("aria-selected", "false");
  name.textContent = title;
  code.className = "muted mono";
  code.textContent = decodeURIComponent(path.split("/")[2]);
  link.append(document.createElement("span"), name, code);
  return link;
}

// Places, devices and gateways whose page was opened, newest first; another account of the same browser has a list of its own.
function remember() {
  const title = document.querySelector("#content h1")?.textContent.trim().slice(0, MAX_TITLE);
  if (!OPENED.test(location.pathname) || !title || document.querySelector("#content [role=alert]")) return;
  const opened = recent().filter(({ path }) => path !== location.pathname);
  localStorage.setItem(key(), JSON.stringify([{ path: location.pathname, title }, ...opened].slice(0, MAX_RECENT)));
}

function recent() {
  try {
    const stored = JSON.parse(localStorage.getItem(key()) ?? "[]");
    return stored.filter(({ path, title }) => OPENED.test(path) && typeof title === "string").slice(0, MAX_RECENT);
  } catch {
    return [];
  }
}

function key() {
  return `ce_recent:${document.body.dataset.account}`;
}
