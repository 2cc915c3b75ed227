// The page: one event stream for the figures, one connection for the pictures.

import { Card } from "./card.js";
import { addModel } from "./model.js";
import { Pictures } from "./pictures.js";
import { addScheduler } from "./scheduler.js";
import { duration, figure, say, short } from "./text.js";

const RETRY_MS = 2000, SILENT_MS = 5000, EVENTS_PER_SECOND = 8;
const cards = new Map(), models = new Set(), lastPoint = new Map();
const byId = (id) => document.getElementById(id);
const link = byId("link"), pause = byId("pause"), host = {};
for (const part of byId("process").querySelectorAll("[data-is]")) host[part.dataset.is] = part;
let connected = false, paused = false, events = null, heard = 0, served = "";

const pictures = new Pictures((camera, blob) => cards.get(camera).showPicture(blob));
const sight = new IntersectionObserver((entries) => {
  for (const entry of entries) pictures.want(entry.target.dataset.camera, entry.isIntersecting);
}, { rootMargin: "100px" });

function card(name) {
  let made = cards.get(name);
  if (!made) {
    cards.set(name, made = new Card(name));
    byId("cameras").append(made.element);
    document.body.classList.toggle("single", cards.size === 1);
    made.frame.dataset.camera = name;
    sight.observe(made.frame);
  }
  return made;
}

function showStatus({ uptime_s: uptime, process, streams }) {
  // Another server came back than the one that went.
  const serves = JSON.stringify(streams.map((stream) => [stream.camera, stream.model.name]));
  if (served && served !== serves) location.reload();
  if (!served && streams.length === 1 && matchMedia("(min-width: 64rem)").matches) {
    card(streams[0].camera).open();
  }
  served = serves;
  figure(host.cpu, process.cpu_percent.toFixed(0), "%");
  host.cpu.title = `100 % is one CPU busy; there are ${process.cpus}`;
  const memory = process.memory_bytes;
  figure(host.memory, ...(memory === null ? [null] : short(memory, "B")));
  say(host.uptime, duration(uptime));
  for (const stream of streams) {
    const shown = card(stream.camera);
    shown.showStatus(stream);
    if (stream.latest && !paused) shown.showPrediction(stream.latest);
    if (!models.has(stream.model.name)) {
      models.add(stream.model.name);
      addModel(byId("models"), stream.model.name, stream.camera);
    }
  }
}

function showHistory({ seconds, cameras }) {
  for (const [name, points] of Object.entries(cameras)) {
    card(name).showHistory(seconds, points, points.first !== lastPoint.get(name) + 1);
    lastPoint.set(name, points.first + points.fps.length - 1);
  }
}

function setConnected(yes) {
  connected = yes;
  document.body.classList.toggle("lost", !yes);
  link.className = "state " + (yes ? paused ? "quiet" : "good" : "bad");
  say(link, yes ? paused ? "paused" : "live" : "connection lost, trying again");
  pictures.go(yes && !paused && !document.hidden);
}

function listen() {
  if (events) events.close();
  events = new EventSource("api/events?rate=" + EVENTS_PER_SECOND);
  heard = Date.now();
  const on = (name, show) => events.addEventListener(name, (event) => {
    heard = Date.now();
    if (!connected) setConnected(true);
    show(JSON.parse(event.data));
  });
  on("status", showStatus);
  on("history", showHistory);
  on("prediction", (result) => { if (!paused) card(result.camera).showPrediction(result); });
  events.onerror = lose;
}

function lose() {
  events.close();
  events = null;
  setConnected(false);
  setTimeout(retry, RETRY_MS);
}

async function retry() {
  // Event streams do not tell why they fail: a token may be needed, which the page asks for.
  const { status } = await fetch("api/streams", { method: "HEAD" }).catch(() => ({ status: 0 }));
  if (status === 401) location.reload();
  else if (!events && !document.hidden) listen();
}

setInterval(() => { if (events && Date.now() - heard > SILENT_MS) lose(); }, 1000);

pause.onclick = () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", paused);
  setConnected(connected);
};

// A page that nobody sees holds no connection: there are six of them for all its sisters.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    if (events) events.close();
    events = null;
    pictures.go(false);
  } else if (!events) {
    listen();
    setConnected(connected);
  }
});

addScheduler(byId("decisions"));
listen();
