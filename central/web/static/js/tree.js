// The place tree: buttons open and close branches (htmx fetched them once), arrow keys walk, the current place is marked after navigation.

export function startTree() {
  const tree = document.getElementById("tree");
  if (!tree) return;
  tree.addEventListener("click", toggle);
  tree.addEventListener("keydown", walk);
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "content" || event.detail.target?.id === "content") markPlace(tree);
  });
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
  if (event.key === "ArrowRight" && button && !open) button.click();
  else if (event.key === "ArrowLeft" && button && open) button.click();
  else if (event.key === "ArrowLeft") event.target.closest("ul")?.closest("li")?.querySelector("a")?.focus();
  else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const links = [...event.currentTarget.querySelectorAll("a")].filter((one) => one.offsetParent !== null);
    const here = links.indexOf(link ?? event.target.closest(".row")?.querySelector("a"));
    links[here + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
  } else return;
  event.preventDefault();
}

// A place that is not in the opened part of the tree is fetched with its branch.
function markPlace(tree) {
  const code = document.getElementById("content")?.dataset.place ?? "";
  let found = code === "";
  for (const link of tree.querySelectorAll("a[data-place]")) {
    const here = link.dataset.place === code;
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    found ||= here && link.offsetParent !== null;
    if (here) link.scrollIntoView({ block: "nearest" });
  }
  const hiddenDrawer = getComputedStyle(tree.closest(".sidebar")).visibility === "hidden";
  if (!found && !hiddenDrawer) htmx.ajax("GET", `/tree?at=${encodeURIComponent(code)}`, { target: "#tree", swap: "innerHTML" });
}
