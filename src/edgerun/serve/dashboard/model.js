// What a model is, and where the time of a run goes.

import { make, say, short, term } from "./text.js";

/** Adds the section of a model, as the given camera runs it. */
export async function addModel(parent, name, camera) {
  const section = document.getElementById("model").content.firstElementChild.cloneNode(true);
  const title = section.querySelector("h2");
  title.textContent = "Model " + name;
  title.id = "model-" + name;
  section.setAttribute("aria-labelledby", title.id);
  parent.append(section);
  const query = "?" + new URLSearchParams({ camera });
  const button = section.querySelector("button"), status = section.querySelector("[role=status]");
  button.onclick = () => profile(section, button, status, "api/profile" + query);
  try {
    showSummary(section, await ask("api/model" + query));
  } catch (error) {
    say(status, error.message);
  }
}

function showSummary(section, model) {
  const tiles = section.querySelector(".tiles");
  const tile = (name, value, kind) => {
    const element = term(name, value);
    if (kind) element.className = kind;
    tiles.append(element);
  };
  const shape = ({ dtype, shape: sides }) => `${dtype} ${sides.join("×")}`;
  tile("task", model.task);
  tile("input", model.inputs.map(shape).join(", "));
  if (model.fingerprint) {
    tile("operators", `${model.operators} in ${model.steps} steps`);
    tile("work of a run", short(model.macs, "MAC").join(" "));
    tile("weights", short(model.weight_bytes, "B").join(" "));
    tile("arena", short(model.arena_bytes, "B").join(" "));
    tile("threads", model.threads);
    tile("fingerprint", model.fingerprint, "long");
  }
  say(section.querySelector(".notes"), model.notes.join(" · "));
}

async function profile(section, button, status, address) {
  button.disabled = true;
  say(status, "measuring…");
  try {
    showProfile(section, await ask(address));
    say(status, "");
    button.textContent = "Profile again";
  } catch (error) {
    say(status, error.message);
  }
  button.disabled = false;
}

function showProfile(section, { model, runs, time_us: total, macs, gmacs, steps }) {
  const region = section.querySelector(".scroll");
  region.hidden = false;
  region.setAttribute("aria-label", "Profile of " + model);
  say(region.querySelector("caption"),
    `${steps.length} steps, ${(total / 1e3).toFixed(2)} ms, ${short(macs, "MAC").join(" ")}, ` +
    `${gmacs.toFixed(1)} GMAC/s (median of ${runs} runs beside the cameras)`);
  const largest = Math.max(...steps.map((step) => step.share));
  region.querySelector("tbody").replaceChildren(...steps.map((step) => {
    const row = make("tr");
    const share = make("td", (step.share * 100).toFixed(1) + " %", "number share");
    share.style.setProperty("--share", step.share / largest * 100 + "%");
    const name = make("td", step.name);
    name.title = step.name;
    row.append(
      make("td", step.operator), name, make("td", step.kernel),
      make("td", step.time_us.toFixed(1), "number"), share,
      make("td", step.macs ? step.gmacs.toFixed(1) : "–", "number"));
    return row;
  }));
}

async function ask(address) {
  const response = await fetch(address);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}
