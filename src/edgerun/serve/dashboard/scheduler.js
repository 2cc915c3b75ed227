// What the scheduler decided last, while somebody looks.

import { figure, make } from "./text.js";

const PAUSE_MS = 1000, ROWS = 12;

export function addScheduler(place) {
  const section = document.getElementById("scheduler").content.firstElementChild.cloneNode(true);
  const parts = {};
  for (const part of section.querySelectorAll("[data-is]")) parts[part.dataset.is] = part;
  place.append(section);
  let timer = 0;
  const look = async () => {
    const response = await fetch("api/scheduler").catch(() => null);
    if (response?.ok) show(parts, await response.json());
    if (section.open && !document.hidden) timer = setTimeout(look, PAUSE_MS);
  };
  const turn = () => {
    clearTimeout(timer);
    if (section.open && !document.hidden) look();
  };
  section.ontoggle = turn;
  document.addEventListener("visibilitychange", turn);
}

function show(parts, { cores, load, own_us_per_frame: own, decided }) {
  figure(parts.cores, cores);
  figure(parts.load, load === undefined || load === null ? null : (load * 100).toFixed(0), "%");
  figure(parts.own, own.toFixed(0), "µs");
  parts.rows.replaceChildren(...decided.slice(0, ROWS).map((one) => {
    const row = make("tr");
    const at = new Date(one.began_at * 1000).toLocaleTimeString("en-GB");
    const cell = (text, kind) => row.append(make("td", String(text), kind));
    cell(at);
    cell(one.streams.join(", "));
    cell(one.model);
    cell(one.threads, "number");
    cell(one.predicted_ms.toFixed(1), "number");
    cell(one.ms.toFixed(1), "number");
    return row;
  }));
}
