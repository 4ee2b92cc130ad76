// The page at /: fills the form from /models, asks for one picture, follows its job, and shows what came of it.
import { clearResult, showProblem, showProgress, showResult } from "./result.js";

/** Up to this many classes stand side by side; more are searched by name. */
const MOST_CHOICES = 24;
const POLL_MS = 250;

const byId = (id) => document.getElementById(id);
const form = byId("form");

let model;
let defaultModel;
let classCount = 0;

async function start() {
  const list = await request("/models");
  defaultModel = list.default;
  for (const { id } of list.models) byId("model").append(new Option(id, id, false, id === list.default));
  byId("model-field").hidden = list.models.length < 2;
  byId("model").addEventListener("change", () => chooseModel(list).catch(showProblem));
  byId("preset").addEventListener("change", showPresetHint);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    generate().catch(showProblem);
  });
  await chooseModel(list);
}

/** Takes the model on once its classes are there; of several changes the last one counts. */
async function chooseModel({ models }) {
  const chosen = models.find(({ id }) => id === byId("model").value);
  let classes;
  try {
    ({ classes } = await request(chosen.links.classes));
  } catch (error) {
    // The form goes on standing for the model it shows.
    if (isChosen(chosen) && model) byId("model").value = model.id;
    throw error;
  }
  if (!isChosen(chosen)) return;
  model = chosen;
  classCount = model.class_count;
  const asChoices = classCount <= MOST_CHOICES;
  byId("class-choices").hidden = !asChoices;
  byId("class-search").hidden = asChoices;
  if (asChoices) {
    const choices = classes.map(({ name, index }) => choice(name, isUnique(name, classes) ? name : index));
    byId("choices").replaceChildren(...choices, choice("none", null));
    byId("choices").querySelector("input").checked = true;
  } else {
    byId("class-names").replaceChildren(...classes.map(({ name }) => new Option(name)));
    byId("class-name").value = "";
  }
  const presets = Object.keys(model.presets);
  const options = presets.map((name) => new Option(name, name, false, name === model.default_preset));
  if (!model.default_preset) options.unshift(new Option("the model's defaults", ""));
  byId("preset").replaceChildren(...options);
  showPresetHint();
}

function isChosen({ id }) {
  return byId("model").value === id;
}

function isUnique(name, classes) {
  return classes.filter((other) => other.name === name).length === 1;
}

/** A radio button; its value is what the request's `class` will be, as JSON. */
function choice(name, value) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  const text = document.createElement("span");
  Object.assign(input, { type: "radio", name: "class", value: JSON.stringify(value) });
  text.textContent = name;
  label.append(input, text);
  return label;
}

function showPresetHint() {
  const { description, parameters, quality } = model.presets[byId("preset").value] ?? {};
  const { steps, diffusion_steps, diffusion_steps_final, guidance_scale } = { ...model.defaults, ...parameters };
  const diffusion = diffusion_steps_final ? `${diffusion_steps} to ${diffusion_steps_final}` : diffusion_steps;
  const numbers = `${steps} steps, ${diffusion} diffusion steps, guidance ${guidance_scale}.`;
  byId("preset-hint").textContent = [description, numbers, quality && measured(quality)].filter(Boolean).join(" ");
}

/** What a preset's pictures are worth, as far as it was measured. */
function measured({ frechet_distance, speed }) {
  const distance = `Fréchet distance ${Number(frechet_distance.toPrecision(2))}`;
  return speed === undefined ? `${distance}.` : `${distance}, ${Number(speed.toPrecision(2))} × as fast as exact.`;
}

/** The request that the form stands for. */
function readForm() {
  const body = { class: chosenClass() };
  if (byId("seed").value !== "") body.seed = Number(byId("seed").value);
  if (byId("preset").value && byId("preset").value !== model.default_preset) body.preset = byId("preset").value;
  if (model.id !== defaultModel) body.model = model.id;
  return body;
}

function chosenClass() {
  if (classCount <= MOST_CHOICES) return JSON.parse(form.elements.class.value);
  const text = byId("class-name").value.trim();
  if (text === "") return null;
  return /^\d+$/.test(text) ? Number(text) : text;
}

async function generate() {
  const body = readForm();
  setBusy(true);
  clearResult();
  try {
    let job = await submit(body);
    byId("cancel").onclick = () => request(job.links.self, { method: "DELETE" }).catch(showProblem);
    while (job.state === "queued" || job.state === "running") {
      showProgress(job);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      job = await request(job.links.self);
    }
    if (job.state === "completed") showResult(job, body);
    else showProblem(new Error(job.error?.detail ?? `The job is ${job.state}.`));
  } finally {
    setBusy(false);
  }
}

/** Until the job's id is known, Cancel drops the request: the server cancels the job of a client that hangs up. */
function submit(body) {
  const abort = new AbortController();
  byId("cancel").onclick = () => abort.abort();
  return request("/generate", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
    signal: abort.signal,
  });
}

function setBusy(isBusy) {
  // A button that is hidden or disabled loses the focus, which whoever uses the keyboard wants back.
  const hadFocus = [byId("generate"), byId("cancel"), document.body].includes(document.activeElement);
  byId("generate").disabled = isBusy;
  byId("cancel").hidden = !isBusy;
  byId("frame").classList.toggle("busy", isBusy);
  if (hadFocus) byId(isBusy ? "cancel" : "generate").focus({ preventScroll: true });
}

/** Fetches JSON; a problem document becomes an error with its sentence. */
async function request(path, options) {
  const response = await fetch(path, options).catch(() => {
    throw new Error(options?.signal?.aborted ? "Cancelled." : "The server does not answer.");
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail);
  return answer;
}

start().catch(showProblem);
