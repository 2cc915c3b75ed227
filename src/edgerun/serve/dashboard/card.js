// One camera on the page.

import { Chart } from "./chart.js";
import { figure, make, ms, say, term } from "./text.js";
import { Zones } from "./zones.js";

const MOST_ROWS = 5;
const REASONS = {
  error: "the model failed",
  full: "the queue had no room",
  late: "could not be in time",
  newer_frame: "replaced by a newer frame",
  rate: "above the rate of the camera",
  skipped: "not read in time",
  still: "nothing moved",
};

export class Card {
  constructor(name) {
    this.name = name;
    const article = document.getElementById("camera").content.firstElementChild.cloneNode(true);
    this.element = article;
    for (const part of article.querySelectorAll("[data-is]")) this[part.dataset.is] = part;
    const title = article.querySelector("h3");
    title.textContent = name;
    title.id = "camera-" + name;
    article.setAttribute("aria-labelledby", title.id);
    this.frame = article.querySelector(".picture");
    this.img = article.querySelector("img");
    this.img.alt = "live picture of camera " + name;
    this.list = article.querySelector(".predictions");
    this.list.setAttribute("aria-label", "predictions");
    this.shares = article.querySelector(".shares");
    const full = article.querySelector(".full");
    full.setAttribute("aria-label", "Full screen, camera " + name);
    full.onclick = () => document.fullscreenElement
      ? document.exitFullscreen() : this.frame.requestFullscreen();
    const chart = (which, ...words) =>
      new Chart(article.querySelector(`[data-chart=${which}]`), ...words);
    this.charts = {
      fps: chart("fps", "speed", "fps", ["now"]),
      age: chart("age", "frame age", "ms", ["median", "p99"]),
      infer: chart("infer", "inference", "ms", ["mean"]),
    };
  }

  open() { this.element.querySelector("details").open = true; }

  /** Holds once the picture is on the screen, or is none. */
  async showPicture(blob) {
    const address = URL.createObjectURL(blob);
    const before = this.address;
    this.img.src = this.address = address;
    await this.img.decode().then(() => this.frame.classList.remove("waiting"), () => {});
    if (before) URL.revokeObjectURL(before);
  }

  showStatus(stream) {
    say(this.state, stream.state);
    const well = stream.state === "running" && !stream.trouble;
    this.state.className = "state " + (stream.trouble ? "bad" : well ? "good" : "quiet");
    this.frame.classList.toggle("still", !well);
    say(this.trouble, stream.trouble);
    say(this.model, stream.model.name + " · " + stream.model.task);
    this.charts.fps.now(stream.fps.toFixed(1));
    this.charts.age.now(ms(stream.frame_age_ms.p50), ms(stream.frame_age_ms.p99));
    this.charts.infer.now(ms(stream.stages_ms.infer));
    figure(this.processed, stream.frames.processed.toLocaleString("en"));
    const dropped = Object.entries(stream.frames.dropped);
    const lost = dropped.reduce((sum, [, count]) => sum + count, 0);
    figure(this.dropped, lost.toLocaleString("en"));
    this.showZones(stream.zones);
    this.showAccuracy(stream.accuracy);
    this.showShares(stream.stages_ms);
    this.drops.replaceChildren(...dropped.map(([reason, count]) =>
      term(REASONS[reason] ?? reason.replaceAll("_", " "), count.toLocaleString("en"))));
  }

  showZones(places) {
    this.element.querySelector(".places").hidden = !places;
    if (!places) return;
    this.zones ??= new Zones(this.name, this.frame, this.tools);
    this.zones.show(places);
  }

  showAccuracy(accuracy) {
    for (const name of ["precision", "recall"]) {
      const share = accuracy?.[name] ?? null;
      this[name].parentNode.hidden = !accuracy;
      figure(this[name], share === null ? null : (share * 100).toFixed(1), "%");
    }
  }

  showShares(stages) {
    const entries = Object.entries(stages);
    this.stages.replaceChildren(...entries.map(([name, time], i) =>
      term(name, time.toFixed(1) + " ms", "s" + i % 4)));
    this.shares.replaceChildren(...entries.map(([, time], i) => {
      const part = make("span", undefined, "s" + i % 4);
      part.style.flexGrow = time;
      return part;
    }));
  }

  showPrediction(result) {
    const rows = result.task === "tensors"
      ? result.predictions.map(tensorRow)
      : grouped(result.predictions).map((group) => scoreRow(group, result.task));
    const more = rows.length - MOST_ROWS;
    if (more > 0) rows.splice(MOST_ROWS - 1, more + 1, make("li", `and ${more + 1} more`, "quiet"));
    this.list.replaceChildren(...rows);
  }

  /** Points of the charts; `fresh` when they do not follow those that are there. */
  showHistory(seconds, points, fresh) {
    const { fps, age, infer } = this.charts;
    if (fresh) for (const chart of [fps, age, infer]) chart.clear();
    fps.push(seconds, points.fps);
    age.push(seconds, points.age_p50_ms, points.age_p99_ms);
    infer.push(seconds, points.infer_ms);
  }
}

/** Objects of a class in one row: the best of them and how many there are. */
function grouped(items) {
  const groups = new Map();
  for (const item of items) {
    const group = groups.get(item.index);
    if (group) group.count += 1;
    else groups.set(item.index, { ...item, count: 1 });
  }
  return [...groups.values()];
}

function scoreRow({ label, index, score, count }, task) {
  const row = make("li"), name = make("span", label);
  name.title = label;
  row.append(name);
  if (count > 1) row.append(make("small", "× " + count));
  row.append(make("span", (score * 100).toFixed(0) + " %"));
  row.style.setProperty("--share", Math.max(0, Math.min(1, score)) * 100 + "%");
  if (task === "detection") row.style.setProperty("--colour", colourOf(index));
  return row;
}

function tensorRow({ name, shape, min, max }) {
  const row = make("li");
  row.append(
    make("span", `${name} [${shape.join("×")}]`),
    make("span", [min, max].map((value) => value?.toPrecision(3) ?? "not finite").join(" … ")));
  return row;
}

/** The colour of the boxes of a class: that of vision/draw.py. */
function colourOf(index) {
  const hue = (index * 0.618034) % 1 * 6;
  const [red, green, blue] = [0, 4, 2].map((shift) =>
    Math.floor(60 + 195 * Math.min(Math.max(Math.abs((hue + shift) % 6 - 3) - 1, 0), 1)));
  return `rgb(${red} ${green} ${blue})`;
}
