// What is wrong with the page as it stands, and every text a person can read or hear on it.
() => {
  const problems = [];
  const root = document.documentElement;
  const seen = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getBoundingClientRect().width > 1;
  const name = (element) => `${element.tagName.toLowerCase()}${element.id ? "#" + element.id : ""}${element.className && typeof element.className === "string" ? "." + element.className.trim().replaceAll(/\s+/g, ".") : ""} ${JSON.stringify(element.textContent.trim().slice(0, 40))}`;
  const clipped = (element) => element.closest(".table-wrap, .curve-table, .segments, .tabs, .sr-only, .search-results, .sidebar");

  if (root.scrollWidth > root.clientWidth) {
    const wide = [...document.querySelectorAll("body *")].filter((one) => seen(one) && !clipped(one) && one.getBoundingClientRect().right > root.clientWidth + 1);
    problems.push(`scrolls sideways, ${root.scrollWidth} of ${root.clientWidth}: ${wide.slice(-2).map(name).join(" | ")}`);
  }
  if (!document.title.trim() || document.title.trim().startsWith("·")) problems.push("no title");
  const titles = [...document.querySelectorAll("h1")].filter(seen);
  if (titles.length !== 1) problems.push(`${titles.length} h1`);

  for (const element of document.querySelectorAll("h1, h2, h3, .figure, .label, dt, dd, th, .button, .state, .tabs a, .segments a, label")) {
    if (!seen(element) || element.closest(".sr-only, .search-results, .wall-foot")) continue;
    const style = getComputedStyle(element);
    if (style.display === "inline") continue;
    if (element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0) problems.push(`cut or spilling, ${element.scrollWidth} of ${element.clientWidth}: ${name(element)}`);
  }

  const bar = document.querySelector(".topbar");
  if (bar) {
    const parts = [...bar.children].filter(seen).map((one) => [one, one.getBoundingClientRect()]);
    for (const [one, a] of parts) for (const [other, b] of parts)
      if (one !== other && a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1) problems.push(`overlap in the top bar: ${name(one)}`);
    const first = document.querySelector("#content > *");
    if (scrollY === 0 && first && seen(first) && first.getBoundingClientRect().top < bar.getBoundingClientRect().bottom - 1) problems.push(`behind the top bar: ${name(first)}`);
  }

  for (const image of document.images) if (seen(image) && image.naturalWidth === 0) problems.push(`not drawn: ${image.src}`);
  for (const canvas of document.querySelectorAll("canvas")) if (seen(canvas) && canvas.width * canvas.height === 0) problems.push("an empty canvas");
  if (document.querySelector("[role=alert] h1")) problems.push("an error page");

  const texts = new Set([document.title]);
  const quiet = "code, kbd, pre, .mono, script, style, template, [lang]:not(html), .chart-numbers, .factor, .secret, select[name=profile], svg";
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.textContent.trim();
    if (text && !node.parentElement.closest(quiet)) texts.add(text);
  }
  for (const element of document.querySelectorAll("[aria-label], [title], [placeholder], [alt]"))
    if (!element.closest(quiet)) for (const key of ["aria-label", "title", "placeholder", "alt"]) if (element.getAttribute(key)) texts.add(element.getAttribute(key));
  return { problems, texts: [...texts] };
};
