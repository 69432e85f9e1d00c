// The language link returns to where one is, which only the browser knows after pages were swapped in.

export function returnHere() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-language]");
    if (link) link.href = `${link.pathname}?next=${encodeURIComponent(location.pathname + location.search)}${location.hash}`;
  });
}
