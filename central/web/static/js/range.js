// The range picker with keys: ← and → go to the period before and after, from anywhere in it but a field; a custom range never ends before it begins.

export function startRange() {
  document.addEventListener("keydown", step);
  document.addEventListener("change", orderDays, true);
}

function step(event) {
  const picker = event.target.closest?.("[data-range]");
  if (!picker || event.target.matches("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  const way = { ArrowLeft: "before", ArrowRight: "after" }[event.key];
  if (!way) return;
  event.preventDefault();
  picker.querySelector(`a[data-step="${way}"]`)?.click();
}

function orderDays(event) {
  const picker = event.target.closest?.("[data-range]");
  const from = picker?.querySelector('input[name="at"]');
  const to = picker?.querySelector('input[name="to"]');
  if (!from || !to || !from.value) return;
  to.min = from.value;
  if (event.target === from && to.value < from.value) to.value = from.value;
}
