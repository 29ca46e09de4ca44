/** The page: loads ONNX Runtime and a model, takes a photograph, and shows its explanation. */

import { download, step } from "./loading.js";
import { decoded } from "./photograph.js";
import { element, factsOf, nameOf, reduced, section } from "./view.js";

const IN_THE_LIST = 5;

const find = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));
const [status, steps, file, drop, choices] = ["status", "steps", "file", "drop", "choices"].map(find);
const [first, second, strength, rows, top] = ["first", "second", "strength", "rows", "top"].map(find);
const model = find("model");

/** The tasks that the worker has not done yet, by their numbers. */
const waiting = /** @type {Map<number, {resolve: (result: any) => void, reject: (error: Error) => void}>} */ (
  new Map()
);
let tasks = 0;
/** @type {Worker} */
let worker;
/** @type {Error | null} Why the worker does no more tasks. */
let broken = null;
/** @type {{models: {name: string, file: string, bytes: number}[], runtime: {file: string, bytes: number}}} */
let site;
/** @type {ImageBitmap | null} */
let photograph = null;
/** @type {ImageBitmap} The same for the panels. */
let ground;
/** @type {import("./view.js").Answer[]} */
let answers = [];

/** Tells what happens, also to screen readers. @param {string} text @param {boolean} [isError] */
function say(text, isError = false) {
  status.textContent = text;
  status.classList.toggle("error", isError);
}

/** Gives the worker a task. @param {string} task @param {any} argument @param {Transferable[]} [transferred] */
function ask(task, argument, transferred = []) {
  return new Promise((resolve, reject) => {
    if (broken) throw broken;
    const id = ++tasks;
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, task, argument }, transferred);
  });
}

/** Starts the worker; when it breaks, so do its tasks. */
function startWorker() {
  worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data: { id, result, error } }) => {
    const task = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) task?.resolve(result);
    else task?.reject(new Error(error));
  };
  worker.onerror = () => {
    broken = new Error("worker.js cannot be run; check the connection, and load the page again.");
    for (const { reject } of waiting.values()) reject(broken);
    waiting.clear();
  };
}

/** Loads ONNX Runtime, and then the first model. */
async function start() {
  if (typeof WebAssembly === "undefined" || typeof OffscreenCanvas === "undefined")
    throw new Error("This browser has no WebAssembly or no OffscreenCanvas; use a newer one.");
  const list = await download("site.json", 1000, { show() {} });
  site = JSON.parse(new TextDecoder().decode(list));
  model.replaceChildren(...site.models.map(({ name }, index) => new Option(name, String(index))));
  find("models").hidden = site.models.length < 2;
  say("Loading …");
  startWorker();
  const bytes = await download(site.runtime.file, site.runtime.bytes, step(steps, "ONNX Runtime"));
  await ask("runtime", bytes, [bytes.buffer]);
  await load();
}

/** Loads the chosen model, and explains the photograph that is there. */
async function load() {
  file.disabled = choices.disabled = model.disabled = true;
  while (steps.children.length > 1) steps.lastChild.remove();
  const chosen = site.models[Number(model.value)];
  try {
    const bytes = await download(chosen.file, chosen.bytes, step(steps, `Model ${chosen.name}`));
    const preparing = step(steps, "Preparing");
    preparing.show("the model is opened");
    find("facts").replaceChildren(...factsOf(await ask("open", bytes, [bytes.buffer]), chosen.name));
    preparing.show("done", 1);
  } finally {
    model.disabled = false;
  }
  steps.classList.add("done");
  file.disabled = false;
  say("Ready: choose a photograph.");
  if (photograph) await look();
}

/** Takes a file as the photograph. @param {File | undefined} picture */
async function take(picture) {
  if (!picture) return;
  photograph = await decoded(picture);
  ground = await reduced(photograph);
  await look();
}

/** Shows the answers to the photograph, and explains the first. */
async function look() {
  const found = await ask("take", photograph);
  answers = found.choices;
  const options = () => answers.map((answer, index) => new Option(nameOf(answer), String(index)));
  first.replaceChildren(...options());
  second.replaceChildren(new Option("nothing", ""), ...options());
  top.replaceChildren(...answers.slice(0, IN_THE_LIST).map(line));
  choices.disabled = answers.length === 0;
  show(found.rows);
  if (!answers.length) say("The model finds nothing on this photograph; choose another.");
}

/** One of the first answers, with a bar. @param {import("./view.js").Answer} answer @param {number} index */
function line(answer, index) {
  const item = document.createElement("li");
  const button = Object.assign(element("button", nameOf(answer)), { type: "button" });
  button.addEventListener("click", () => choose(index));
  item.append(button);
  if (answer.share !== null) {
    const meter = Object.assign(document.createElement("meter"), { value: answer.share });
    meter.setAttribute("aria-hidden", "true"); // the button says the number
    item.append(meter);
  }
  return item;
}

/** Explains an answer. @param {number} index */
function choose(index) {
  first.value = String(index);
  attempt(explain);
}

/** Explains the chosen answers. */
async function explain() {
  const chosen = [first.value, second.value].filter((value) => value !== "").map(Number);
  show(await ask("explain", [...new Set(chosen)]));
}

/** @param {import("./worker.js").Row[]} explained */
function show(explained) {
  rows.replaceChildren(...explained.map((row) => section(row, ground, answers, choose)));
  fade();
  say(`Explained: ${explained.map(({ label }) => label).join(" and ")}.`);
}

/** Shows the maps as strongly as the slider says. */
function fade() {
  for (const map of rows.querySelectorAll(".map")) map.style.opacity = strength.value;
}

/** Does something for the user, and says what goes wrong. @param {() => Promise<void>} work @param {string} [text] */
async function attempt(work, text = "Explaining …") {
  say(text);
  await work().catch((error) => say(/** @type {Error} */ (error).message, true));
}

file.addEventListener("change", () => attempt(() => take(file.files[0])));
model.addEventListener("change", () => attempt(load, "Loading …"));
first.addEventListener("change", () => attempt(explain));
second.addEventListener("change", () => attempt(explain));
strength.addEventListener("input", fade);
find("form").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
for (const kind of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    if (kind === "drop" && !file.disabled) attempt(() => take(event.dataTransfer?.files[0]));
  });
}

await attempt(start, "Loading …");
