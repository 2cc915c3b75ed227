// Zones and lines of a camera, drawn with the mouse over its picture.

import { make, say } from "./text.js";

const SVG = "http://www.w3.org/2000/svg", MOST_POINTS = 64;

/** The tools below a picture: a zone is a click for each corner, a line two clicks. */
export class Zones {
  constructor(camera, frame, tools) {
    this.camera = camera;
    this.places = { zone: [], line: [] };
    this.points = [];
    this.kind = null;
    this.canvas = document.createElementNS(SVG, "svg");
    this.canvas.setAttribute("class", "zones");
    this.img = frame.querySelector("img");
    frame.append(this.canvas);
    this.status = make("span", "", "quiet");
    this.status.setAttribute("role", "status");
    this.list = make("ul");
    const button = (text, act) => {
      const made = make("button", text);
      made.type = "button";
      made.onclick = act;
      return made;
    };
    this.done = button("Done", () => this.finish());
    this.stop = button("Cancel", () => this.begin(null));
    tools.append(
      button("New zone", () => this.begin("zone")), button("New line", () => this.begin("line")),
      this.done, this.stop, this.status, this.list);
    this.canvas.onclick = (event) => this.add(event);
    this.begin(null);
  }

  /** What the server has; not while something is drawn. */
  show(places) {
    if (this.kind || JSON.stringify(places) === this.shown) return;
    this.shown = JSON.stringify(places);
    this.places = { zone: places.zone, line: places.line };
    const rows = [...places.zone.map((zone) => [zone, "zone", `${zone.name}: ${zone.count}`]),
      ...places.line.map((line) => [line, "line", `${line.name}: ${line.in} in, ${line.out} out`])];
    this.list.replaceChildren(...rows.map(([place, kind, text]) => {
      const row = make("li", text + " "), remove = make("button", "Remove");
      remove.type = "button";
      remove.setAttribute("aria-label", `Remove ${kind} ${place.name}`);
      remove.onclick = () => this.save({
        ...this.places, [kind]: this.places[kind].filter((other) => other.name !== place.name),
      });
      row.append(remove);
      return row;
    }));
  }

  begin(kind) {
    this.kind = kind;
    this.points = [];
    // The picture stands in its frame as this drawing in its own: whole, and in the middle.
    this.size = [this.img.naturalWidth || 16, this.img.naturalHeight || 9];
    this.canvas.setAttribute("viewBox", `0 0 ${this.size[0]} ${this.size[1]}`);
    this.canvas.classList.toggle("drawing", kind !== null);
    this.done.hidden = kind !== "zone";
    this.stop.hidden = kind === null;
    say(this.status, kind === "zone" ? "Click on each corner, then Done." :
      kind === "line" ? "Click where it begins and where it ends: right of that way is in." : "");
    this.draw();
  }

  add(event) {
    if (!this.kind || this.points.length >= MOST_POINTS) return;
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.canvas.getScreenCTM().inverse());
    const part = (value, size) => Math.round(Math.min(Math.max(value / size, 0), 1) * 1e4) / 1e4;
    this.points.push([part(at.x, this.size[0]), part(at.y, this.size[1])]);
    this.draw();
    if (this.kind === "line" && this.points.length === 2) this.finish();
  }

  draw() {
    const way = document.createElementNS(SVG, "polyline");
    const places = this.points.map(([x, y]) => [x * this.size[0], y * this.size[1]]);
    way.setAttribute("points", places.map((place) => place.join(",")).join(" "));
    const dots = places.map(([x, y]) => {
      const dot = document.createElementNS(SVG, "path");
      dot.setAttribute("d", `M${x},${y}h0`);
      return dot;
    });
    this.canvas.replaceChildren(way, ...dots);
  }

  finish() {
    if (this.kind === "zone" && this.points.length < 3) return say(this.status, "A zone has three corners or more.");
    const name = prompt(`Name of the ${this.kind}`);
    if (!name) return this.begin(null);
    const place = this.kind === "zone"
      ? { name, points: this.points } : { name, start: this.points[0], end: this.points[1] };
    const places = { ...this.places, [this.kind]: [...this.places[this.kind], place] };
    this.begin(null);
    return this.save(places);
  }

  async save(places) {
    const response = await fetch("api/zones?camera=" + encodeURIComponent(this.camera), {
      method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify(places),
    }).catch(() => null);
    const answer = await response?.json().catch(() => null);
    if (response?.ok) this.show(answer);
    say(this.status, response?.ok ? "Saved." : answer?.error ?? "The server does not answer.");
  }
}
