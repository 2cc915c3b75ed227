// Words and figures for people.

/** Sets the text of an element, only where it changes: screen readers hear less of it. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A figure with its unit in small; nothing known is a dash. */
export function figure(element, value, unit) {
  const known = value !== null && value !== undefined;
  const text = known ? String(value) : "–";
  const whole = known && unit ? text + " " + unit : text;
  if (element.textContent === whole) return;
  element.textContent = text;
  if (whole !== text) element.append(" ", make("small", unit));
}

export function make(tag, text, kind) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

/** dt and dd in a div, the way a dl likes it. */
export function term(name, value, kind) {
  const row = make("div");
  row.append(make("dt", name, kind), make("dd", value));
  return row;
}

export function ms(value) {
  if (value === null || value === undefined) return null;
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}

/** The number and its unit: 1234567, "B" -> ["1.2", "MB"]. */
export function short(value, unit) {
  const steps = ["", "k", "M", "G", "T"];
  let step = 0;
  while (value >= 1000 && step < steps.length - 1) { value /= 1000; step += 1; }
  const digits = step === 0 || value >= 100 ? 0 : 1;
  return [value.toFixed(digits), steps[step] + unit];
}

export function duration(seconds) {
  const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60);
  if (hours >= 24) return Math.floor(hours / 24) + " d " + (hours % 24) + " h";
  if (hours) return hours + " h " + (minutes % 60) + " min";
  return minutes ? minutes + " min" : Math.floor(seconds) + " s";
}
