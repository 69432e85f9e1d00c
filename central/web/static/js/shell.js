// The frame: CSRF header, drawer, theme, focus and chosen place after navigation, messages about failed requests.

import { returnHere } from "./language.js";
import { keepNode } from "./node.js";
import { texts } from "./texts.js";

const MAX_TOASTS = 3;

export function startShell() {
  document.addEventListener("htmx:configRequest", addToken);
  document.addEventListener("htmx:afterSettle", contentArrived);
  document.addEventListener("htmx:sendError", () => toast(texts.unreachable));
  document.addEventListener("htmx:timeout", () => toast(texts.unreachable));
  document.addEventListener("htmx:beforeSwap", explainFailure);
  document.addEventListener("keydown", closeOnEscape);
  document.addEventListener("click", closeMenus);
  document.getElementById("menu")?.addEventListener("click", () => setDrawer(!drawerIsOpen()));
  document.getElementById("scrim")?.addEventListener("click", () => setDrawer(false));
  document.getElementById("theme")?.addEventListener("click", nextTheme);
  returnHere();
  keepNode();
  markCurrent();
}

function addToken(event) {
  event.detail.headers["X-CSRF-Token"] = document.querySelector('meta[name="csrf"]').content;
  // htmx remembers the address a link had when it arrived; the chosen place may have changed since
  const link = event.detail.elt;
  if (link.matches("a[data-node-link]")) event.detail.path = link.getAttribute("href");
}

// htmx gives the focus back to what has the same id (the range picker's controls); else it goes to the new content.
function contentArrived(event) {
  if (event.detail.target?.id !== "content" && event.target?.id !== "content") return;
  const content = document.getElementById("content");
  setDrawer(false, false);
  keepNode();
  markCurrent();
  const within = content?.contains(document.activeElement) && document.activeElement !== content;
  const typing = document.activeElement?.id === "search"; // somebody was quicker than the page
  if (content && !within && !typing) content.focus({ preventScroll: true });
}

function markCurrent() {
  for (const link of document.querySelectorAll(".pages a")) {
    const under = link.dataset.nodeLink?.endsWith("/") && link.dataset.nodeLink !== "/" && location.pathname.startsWith(link.dataset.nodeLink);
    if (under || link.pathname === location.pathname) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

// Parts of a page keep what they show when the server refuses; only the content area shows an error page.
function explainFailure(event) {
  const { xhr, isError, target } = event.detail;
  if (!isError || target.id === "content") return;
  event.detail.shouldSwap = false;
  toast(`${texts.failed} (${xhr.status}). ${texts.requestId}: ${xhr.getResponseHeader("x-request-id") ?? "?"}`);
}

export function toast(message) {
  const shelf = document.getElementById("toasts");
  const item = document.createElement("div");
  item.className = "toast";
  const words = document.createElement("p");
  words.textContent = message;
  const button = document.createElement("button");
  button.className = "icon-button";
  button.type = "button";
  button.setAttribute("aria-label", texts.close);
  button.textContent = "×";
  button.addEventListener("click", () => item.remove());
  item.append(words, button);
  shelf.append(item);
  while (shelf.children.length > MAX_TOASTS) shelf.firstElementChild.remove();
  setTimeout(() => item.remove(), 12_000);
}

function drawerIsOpen() {
  return document.getElementById("sidebar").classList.contains("open");
}

function setDrawer(open, refocus = true) {
  const sidebar = document.getElementById("sidebar");
  if (!sidebar || sidebar.classList.contains("open") === open) return;
  const menu = document.getElementById("menu");
  sidebar.classList.toggle("open", open);
  document.getElementById("scrim").hidden = !open;
  menu.setAttribute("aria-expanded", String(open));
  for (const behind of document.querySelectorAll(".page, .topbar")) behind.inert = open;
  if (open) sidebar.querySelector("a")?.focus();
  else if (refocus) menu.focus({ preventScroll: true });
}

function closeOnEscape(event) {
  if (event.key !== "Escape") return;
  setDrawer(false);
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    const inside = menu.contains(document.activeElement);
    menu.open = false;
    if (inside) menu.querySelector("summary")?.focus();
  }
}

function closeMenus(event) {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
}

function nextTheme() {
  const order = ["auto", "light", "dark"];
  const root = document.documentElement;
  const next = order[(order.indexOf(root.dataset.theme) + 1) % order.length];
  root.dataset.theme = next;
  document.cookie = `ce_theme=${next}; path=/; max-age=31536000; samesite=lax`;
  document.getElementById("theme").title = texts.theme[next];
  document.dispatchEvent(new CustomEvent("ce:theme"));
}
