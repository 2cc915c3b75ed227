// Small line charts of the last minutes.

import { figure, make, say } from "./text.js";

const POINTS = 150, FEWEST = 30, WIDTH = 100, HEIGHT = 40;
const SVG = "http://www.w3.org/2000/svg";

/** A chart in a figure: title, the value of now, one line or two (the second is dashed). */
export class Chart {
  constructor(element, title, unit, names) {
    this.title = title;
    this.unit = unit;
    this.names = names;
    this.points = names.map(() => []);
    this.value = make("div", "–", "value");
    this.beside = make("div", undefined, "beside");
    const plot = make("div", undefined, "plot");
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.svg.setAttribute("role", "img");
    this.svg.setAttribute("aria-label", title + ": no figures yet");
    const floor = this.add("line");
    for (const [name, value] of [["x2", WIDTH], ["y1", HEIGHT], ["y2", HEIGHT]]) {
      floor.setAttribute(name, value);
    }
    this.under = this.add("path", "under");
    this.lines = names.map((_, i) => this.add("path", i ? "second" : "first"));
    this.span = make("div", undefined, "span");
    this.span.setAttribute("aria-hidden", "true");
    this.left = make("span");
    this.right = make("span");
    this.span.append(this.left, this.right);
    plot.append(this.svg, this.span);
    const head = make("div");
    head.append(make("div", title, "label"), this.value, this.beside);
    element.append(head, plot);
  }

  add(tag, kind) {
    const element = document.createElementNS(SVG, tag);
    if (kind) element.setAttribute("class", kind);
    this.svg.append(element);
    return element;
  }

  /** The figures of now, in the order of the lines. */
  now(...values) {
    figure(this.value, values[0], this.unit);
    if (values.length > 1) say(this.beside, `${this.names[1]} ${values[1] ?? "–"} ${this.unit}`);
  }

  clear() { this.points = this.names.map(() => []); }

  /** New points of each line, one for every `seconds`; null is a gap. */
  push(seconds, ...lists) {
    this.points = this.points.map((old, i) => old.concat(lists[i]).slice(-POINTS));
    this.draw(seconds);
  }

  draw(seconds) {
    const known = this.points.flat().filter((value) => value !== null);
    const top = ceiling(Math.max(...known, 0));
    const count = Math.max(this.points[0].length, FEWEST);
    this.points.forEach((list, i) => {
      const runs = runsOf(list, (index) => WIDTH - (list.length - 1 - index) * WIDTH / (count - 1),
        (value) => HEIGHT - value / top * HEIGHT);
      this.lines[i].setAttribute("d", runs.map((run) => "M" + run.join("L")).join(""));
      if (i === 0) {
        this.under.setAttribute("d", runs.map((run) =>
          `M${x(run[0])} ${HEIGHT}L${run.join("L")}L${x(run.at(-1))} ${HEIGHT}Z`).join(""));
      }
    });
    const minutes = count * seconds / 60;
    say(this.left, Math.round(minutes) + " min");
    say(this.right, "0 – " + top);
    this.svg.setAttribute("aria-label", this.describe(known, minutes));
  }

  describe(known, minutes) {
    if (!known.length) return this.title + ": no figures yet";
    const unit = this.unit ? " " + this.unit : "";
    const last = this.names.map((name, i) => {
      const value = this.points[i].at(-1);
      return `${name} ${value === null ? "nothing" : round(value) + unit}`;
    });
    const range = [Math.min(...known), Math.max(...known)].map(round).join(" and ");
    return `${this.title}, last ${minutes <= 1 ? "minute" : Math.round(minutes) + " minutes"}: ` +
      `${last.join(", ")}; between ${range}${unit}`;
  }
}

/** Pieces of line between gaps, as "x y" texts. */
function runsOf(list, across, up) {
  const runs = [];
  let run = null;
  list.forEach((value, index) => {
    if (value === null) { run = null; return; }
    if (!run) runs.push(run = []);
    run.push(across(index).toFixed(2) + " " + up(value).toFixed(2));
  });
  return runs;
}

function x(point) { return point.split(" ")[0]; }

function round(value) { return value < 10 ? value.toFixed(1) : Math.round(value); }

/** The next round number: 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, ... */
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 0.1)));
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((each) => each * power >= value);
  return Number((step * power).toPrecision(2));
}
