// Tables: which rows are picked, copying what is shown, and short addresses for filters. Listens on the document, so swapped-in tables need no start.

export function startTables() {
  document.addEventListener("change", picked);
  document.addEventListener("click", copy);
  document.addEventListener("submit", refuseNothing, true);
  document.addEventListener("htmx:configRequest", dropEmpty);
  document.addEventListener("htmx:afterSettle", showCounts);
  showCounts();
}

// --- selection: a box a row, one for all rows shown, one for all that match ---

function picked(event) {
  const box = event.target;
  if (box.matches("[data-pick-all]")) {
    for (const row of boxes(box.closest("table"))) row.checked = box.checked;
  } else if (box.matches("[data-pick-every]")) {
    for (const row of boxes(box.closest(".table-body"))) row.disabled = box.checked;
  } else if (!box.matches("[data-pick]")) return;
  showCounts();
}

function boxes(root) {
  return [...root.querySelectorAll("[data-pick]")];
}

function showCounts() {
  for (const form of document.querySelectorAll("form[data-batch]")) {
    const body = form.closest(".table-body");
    const rows = boxes(body);
    const chosen = rows.filter((row) => row.checked);
    const every = form.querySelector("[data-pick-every]").checked;
    form.querySelector("[data-pick-count]").textContent = !every && chosen.length ? `(${chosen.length})` : "";
    form.querySelector("button").setAttribute("aria-disabled", String(!every && !chosen.length));
    const all = body.querySelector("[data-pick-all]");
    all.checked = rows.length > 0 && chosen.length === rows.length;
    all.indeterminate = chosen.length > 0 && chosen.length < rows.length;
  }
}

function refuseNothing(event) {
  const form = event.target;
  if (!form.matches("form[data-batch]") || form.querySelector("button").getAttribute("aria-disabled") !== "true") return;
  event.preventDefault();
  event.stopPropagation();
}

// --- copying: tab-separated, as spreadsheets paste it ---

async function copy(event) {
  const button = event.target.closest("[data-copy-table]");
  if (!button) return;
  const table = document.getElementById(button.dataset.copyTable)?.querySelector("table[data-copy]");
  if (!table) return;
  const lines = [...table.rows].map((row) => [...row.cells].filter((cell) => !cell.classList.contains("pick")).map(words).join("\t"));
  try {
    await navigator.clipboard.writeText(lines.join("\n"));
    say(button);
  } catch {
    select(table); // no right to the clipboard (or no https): the rows are marked, so that the keyboard copies them
  }
}

function say(button) {
  const word = button.querySelector("span");
  const usual = word.textContent;
  word.textContent = button.dataset.done;
  button.disabled = true;
  setTimeout(() => {
    word.textContent = usual;
    button.disabled = false;
  }, 1500);
}

// A text that a spreadsheet would take for a formula gets an apostrophe, as in the exported files. Negative numbers stay numbers.
function words(cell) {
  const text = (cell.textContent ?? "").replace(/\s+/g, " ").trim();
  return /^[=+\-@＝＋－＠]/.test(text) && !/^-[\d.,]+( \S+)?$/.test(text) ? `'${text}` : text;
}

function select(table) {
  const range = document.createRange();
  range.selectNodeContents(table);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

// --- addresses: a filter that says nothing does not stand in them ---

function dropEmpty(event) {
  if (!event.target.matches?.(".table-filters")) return;
  const parameters = event.detail.parameters;
  for (const key of Object.keys(parameters)) if (parameters[key] === "") delete parameters[key];
}
