// The search box: `/` focuses it, arrows choose, Enter opens, Escape closes. htmx fetches the list; this file moves in it.

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
  input.addEventListener("input", () => input.value.trim() || show(input, list, false));
  list.addEventListener("htmx:afterSettle", () => show(input, list, input.value.trim() !== ""));
  list.addEventListener("click", (event) => event.target.closest("a") && finish(input, list));
  document.addEventListener("click", (event) => event.target.closest(".search") || show(input, list, false));
}

function move(event, input, list) {
  const options = [...list.querySelectorAll('[role="option"]')];
  const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (options.length === 0) return;
    show(input, list, true);
    const step = event.key === "ArrowDown" ? 1 : -1;
    choose(input, options, (at + step + options.length + (at < 0 && step < 0 ? 1 : 0)) % options.length);
  } else if (event.key === "Enter") {
    event.preventDefault();
    (options[at] ?? options[0])?.click();
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
