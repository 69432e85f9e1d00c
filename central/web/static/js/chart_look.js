// Colours and fonts of charts as the style sheets say them for the present theme.

const ROLES = ["main", "compared", "limit", "forecast", "other", "sharp", "peak", "flat", "valley", "deep_valley", "A", "B", "C", "D", "good", "warn", "bad"];
const HEAT_STEPS = 6;

export function readLook(root, locale) {
  const style = getComputedStyle(root);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const roles = Object.fromEntries(ROLES.map((role) => [role, colour(`chart-${role.toLowerCase().replace("_", "-")}`)]));
  const heat = Array.from({ length: HEAT_STEPS }, (_, step) => colour(`chart-heat-${step}`));
  const ground = { surface: colour("surface"), sunken: colour("sunken"), line: colour("line"), strong: colour("line-strong"), ink: colour("ink"), muted: colour("muted"), accent: colour("accent"), soft: colour("accent-soft") };
  return { roles, heat, ground, hatch: hatch(ground), font: style.fontFamily, locale };
}

// Behind cells of which nothing is known.
function hatch({ surface, strong }) {
  const image = document.createElement("canvas");
  image.width = image.height = 8;
  const pen = image.getContext("2d");
  pen.fillStyle = surface;
  pen.fillRect(0, 0, 8, 8);
  pen.strokeStyle = strong;
  pen.beginPath();
  for (const from of [-8, 0, 8]) {
    pen.moveTo(from, 8);
    pen.lineTo(from + 8, 0);
  }
  pen.stroke();
  return { image, repeat: "repeat" };
}
