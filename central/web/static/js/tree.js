// The place tree: buttons open and close branches (htmx fetched them once), arrow keys walk, the current place is marked after navigation, and a
// place leads to the page one is on.

import { addressOf, chosenNode } from "./node.js";

export function startTree() {
  const tree = document.getElementById("tree");
  if (!tree) return;
  tree.addEventListener("click", toggle);
  tree.addEventListener("keydown", walk);
  tree.addEventListener("htmx:configRequest", stayOnPage);
  tree.addEventListener("htmx:afterSettle", () => mark(tree, chosenNode()));
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "content" || event.detail.target?.id === "content") markPlace(tree);
  });
}

// htmx remembers the address a link had when it arrived.
function stayOnPage(event) {
  const node = event.detail.elt.dataset.place;
  if (node) event.detail.path = addressOf(node);
}

function toggle(event) {
  const button = event.target.closest("button.twist");
  if (!button) return;
  const open = button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", String(open));
  const branch = document.getElementById(button.getAttribute("aria-controls"));
  if (branch) branch.hidden = !open;
}

function walk(event) {
  const link = event.target.closest("a");
  const button = event.target.closest(".row")?.querySelector("button.twist");
  const open = button?.getAttribute("aria-expanded") === "true";
  const links = [...event.currentTarget.querySelectorAll("a")].filter((one) => one.offsetParent !== null);
  const here = links.indexOf(link ?? event.target.closest(".row")?.querySelector("a"));
  if (event.key === "ArrowRight" && button && !open) button.click();
  else if (event.key === "ArrowLeft" && button && open) button.click();
  else if (event.key === "ArrowLeft") event.target.closest("ul")?.closest("li")?.querySelector("a")?.focus();
  else if (event.key === "ArrowDown") links[here + 1]?.focus();
  else if (event.key === "ArrowUp") links[here - 1]?.focus();
  else if (event.key === "Home") links[0]?.focus();
  else if (event.key === "End") links.at(-1)?.focus();
  else return;
  event.preventDefault();
}

// A place that is not in the opened part of the tree is fetched with its branch.
function markPlace(tree) {
  const code = chosenNode();
  const found = mark(tree, code);
  const hiddenDrawer = getComputedStyle(tree.closest(".sidebar")).visibility === "hidden";
  if (code && !found && !hiddenDrawer) htmx.ajax("GET", `/tree?at=${encodeURIComponent(code)}`, { target: "#tree", swap: "innerHTML" });
}

// Marks the place's link and says whether it is in sight; every link gets the address it has from here.
function mark(tree, code) {
  let found = false;
  for (const link of tree.querySelectorAll("a[data-place]")) {
    const here = link.dataset.place === code;
    link.setAttribute("href", addressOf(link.dataset.place));
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (here && link.offsetParent !== null) {
      found = true;
      link.scrollIntoView({ block: "nearest" });
    }
  }
  return found;
}
