// The chosen place stays when one goes from page to page. The content says which place it shows (data-place) and whether the page shows any place
// that is asked for (data-node-page); a page that is about no place leaves the choice as it is.

const KEY = "ce_node";
const KEPT = ["period", "at", "to", "compare", "tab"];

export function chosenNode() {
  const shown = document.getElementById("content")?.dataset.place;
  return shown ?? sessionStorage.getItem(`${KEY}:${document.body.dataset.account}`) ?? "";
}

// Remembers the place for pages that are about none, and points the sidebar's links at it.
export function keepNode() {
  const node = chosenNode();
  sessionStorage.setItem(`${KEY}:${document.body.dataset.account}`, node);
  for (const link of document.querySelectorAll("[data-node-link]")) link.setAttribute("href", linked(link.dataset.nodeLink, node));
}

// Where a place of the tree leads from here: the same page about that place, with its period and tab; else the place's own page.
export function addressOf(node) {
  const page = document.getElementById("content")?.dataset.nodePage;
  if (!page) return `/places/${encodeURIComponent(node)}`;
  const here = new URLSearchParams(location.search);
  const kept = new URLSearchParams({ node });
  for (const name of KEPT) if (here.has(name)) kept.set(name, here.get(name));
  return `${page}?${kept}`;
}

function linked(page, node) {
  if (page === "/places/") return node ? page + encodeURIComponent(node) : "/places";
  return node ? `${page}?node=${encodeURIComponent(node)}` : page;
}
