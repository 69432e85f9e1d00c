// The list of alarms: choosing with Ctrl, Shift and keys; a refresh in the background keeps what is chosen, open and focused.

const LIST = "alarm-list";
let last = null; // where a Shift-click begins
let kept = null;

export function startAlarms() {
  document.addEventListener("click", choose);
  document.addEventListener("change", changed);
  document.addEventListener("keydown", byKey);
  document.addEventListener("htmx:beforeRequest", restWhileHidden);
  document.addEventListener("htmx:beforeSwap", keep);
  document.addEventListener("htmx:afterSwap", restore);
}

const list = () => document.getElementById(LIST);
const rows = () => [...(list()?.querySelectorAll(":scope > .alarms > .alarm") ?? [])];
const box = (row) => row.querySelector("[data-alarm-pick]");
const chosen = () => rows().filter((row) => box(row)?.checked);
const focused = () => document.activeElement?.closest?.(`#${LIST} > .alarms > .alarm`);

function choose(event) {
  if (event.target.closest("[data-alarm-seen]")) return void markSeen();
  const row = event.target.closest(`#${LIST} > .alarms > .alarm`);
  if (!row || !box(row)) return;
  const onBox = event.target === box(row);
  const many = event.ctrlKey || event.metaKey;
  if (event.shiftKey && last && !event.target.closest("label")) {
    event.preventDefault();
    range(last, row);
  } else if (event.shiftKey && last && onBox) range(last, row);
  else if (many && !onBox && !event.target.closest("label, summary, button")) {
    event.preventDefault();
    box(row).checked = !box(row).checked;
  } else if (!onBox) return;
  last = row.dataset.alarm;
  count();
}

function range(from, row) {
  const all = rows();
  const ends = [all.findIndex((one) => one.dataset.alarm === from), all.indexOf(row)].sort((a, b) => a - b);
  if (ends[0] < 0) return;
  for (const one of all.slice(ends[0], ends[1] + 1)) box(one).checked = true;
}

function changed(event) {
  if (event.target.matches("[data-alarm-all]")) for (const row of rows()) box(row).checked = event.target.checked;
  if (event.target.matches("[data-alarm-all], [data-alarm-pick]")) count();
}

function count() {
  const number = chosen().length;
  for (const element of document.querySelectorAll("[data-alarm-chosen]")) element.textContent = String(number);
  const all = document.querySelector("[data-alarm-all]");
  if (!all) return;
  all.checked = number > 0 && number === rows().length;
  all.indeterminate = number > 0 && !all.checked;
}

function byKey(event) {
  if (!list() || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]")) return;
  const here = focused();
  const key = event.key;
  if (key === "j" || key === "k") move(here, key === "j" ? 1 : -1);
  else if (key === "x" && here) toggle(here);
  else if (key === "a" && (here || chosen().length)) acknowledge(here);
  else if (key === "r" || key === "R") markSeen(here);
  else if (key === "Enter" && here && event.target === here) here.querySelector(".alarm-title").click();
  else return;
  event.preventDefault();
}

function move(here, step) {
  const all = rows();
  const next = all[here ? Math.min(all.length - 1, Math.max(0, all.indexOf(here) + step)) : 0];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function toggle(row) {
  box(row).checked = !box(row).checked;
  last = row.dataset.alarm;
  count();
}

function acknowledge(here) {
  const form = document.getElementById("alarm-batch");
  if (!form) return;
  if (!chosen().length) toggle(here);
  form.querySelector('[name="action"][value="acknowledge"]').click(); // a click, because htmx looks for the button that was pressed
}

async function markSeen(here = null) {
  const picked = chosen().length ? chosen() : here ? [here] : [];
  if (!picked.length) return;
  const answer = await fetch("/api/v1/alarms/seen", {
    method: "POST",
    headers: { "content-type": "application/json", "x-csrf-token": document.querySelector('meta[name="csrf"]').content },
    body: JSON.stringify({ ids: picked.map((row) => Number(row.dataset.alarm)) }),
  });
  if (!answer.ok) return;
  for (const row of picked) {
    row.classList.remove("unseen");
    row.querySelector(".alarm-new")?.remove();
  }
}

function restWhileHidden(event) {
  if (event.target.id === LIST && document.hidden) event.preventDefault();
}

function keep(event) {
  if (event.target.id !== LIST) return;
  const opened = [...list().querySelectorAll("details[data-children][open]")];
  kept = {
    chosen: new Set(chosen().map((row) => row.dataset.alarm)),
    focus: focused()?.dataset.alarm,
    within: document.activeElement?.closest(`#${LIST}`) ? document.activeElement.className : "",
    below: new Map(opened.map((one) => [one.dataset.children, one.querySelector(".alarm-below")])),
  };
}

function restore(event) {
  if (event.target.id !== LIST || !kept) return count();
  for (const row of rows()) {
    if (box(row)) box(row).checked = kept.chosen.has(row.dataset.alarm);
    const below = kept.below.get(row.dataset.alarm);
    const fold = row.querySelector("details[data-children]");
    if (below && fold) {
      fold.querySelector(".alarm-below").replaceWith(below);
      fold.open = true;
    }
    if (row.dataset.alarm === kept.focus) refocus(row);
  }
  kept = null;
  count();
}

function refocus(row) {
  const first = kept.within.split(" ")[0];
  const target = first && first !== "alarm" ? row.querySelector(`.${CSS.escape(first)}`) : row;
  (target ?? row).focus({ preventScroll: true });
}
