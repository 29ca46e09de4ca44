/** The page: loads the model, takes a photograph, and shows its explanation. */

const MOST_PIXELS = 2 ** 26;
const TITLES = ["Grad-CAM", "Guided backpropagation", "Guided Grad-CAM"];

const find = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));
const [status, progress, file, drop, choices] = ["status", "progress", "file", "drop", "choices"].map(find);
const [first, second, strength, rows] = ["first", "second", "strength", "rows"].map(find);

/** The tasks that the worker has not done yet, by their numbers. */
const waiting = /** @type {Map<number, {resolve: (result: any) => void, reject: (error: Error) => void}>} */ (
  new Map()
);
let tasks = 0;
/** @type {Worker} */
let worker;
/** @type {ImageBitmap | null} */
let photograph = null;

/** Tells what happens, also to screen readers. @param {string} text @param {boolean} [isError] */
function say(text, isError = false) {
  status.textContent = text;
  status.classList.toggle("error", isError);
}

/** Gives the worker a task. @param {string} task @param {any} argument @param {Transferable[]} [transferred] */
function ask(task, argument, transferred = []) {
  return new Promise((resolve, reject) => {
    const id = ++tasks;
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, task, argument }, transferred);
  });
}

/** Downloads a file, and shows how far it is. @param {string} address */
async function download(address) {
  const response = await fetch(address);
  if (!response.ok || !response.body)
    throw new Error(`${address} cannot be loaded: the server answered ${response.status}`);
  const total = Number(response.headers.get("Content-Length"));
  const parts = [];
  let loaded = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    loaded += part.value.length;
    if (total) progress.value = Math.min(loaded / total, 1);
    say(`Loading the model: ${(loaded / 1e6).toFixed(1)} MB …`);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** Loads the model and the worker. */
async function start() {
  if (typeof WebAssembly === "undefined" || typeof OffscreenCanvas === "undefined") {
    throw new Error("This browser has no WebAssembly or no OffscreenCanvas; use a newer one.");
  }
  worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data: { id, result, error } }) => {
    const { resolve, reject } = waiting.get(id) ?? { resolve() {}, reject() {} };
    waiting.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  };
  const broken = new Promise((_, reject) => {
    worker.onerror = () => reject(new Error("ONNX Runtime cannot be loaded; is the network gone?"));
  });
  const bytes = await download("model.onnx");
  progress.removeAttribute("value");
  say("Preparing the model …");
  describe(await Promise.race([ask("open", bytes, [bytes.buffer]), broken]));
  progress.hidden = true;
  file.disabled = false;
  say("Ready: choose a photograph.");
}

/** Shows where the model came from, how it was verified, and what it takes. @param {any} metadata */
function describe(metadata) {
  const { source, verification, image, classes, layers } = metadata;
  const errors = Object.values(verification?.errors ?? {}).map(Number);
  const facts = {
    Name: source.name,
    "Made by": source.exporter,
    Verified: verification
      ? `against ${verification.reference}, largest error ${Math.max(...errors).toPrecision(2)}`
      : "no",
    Input: `${image.width} by ${image.height} pixels`,
    Answers: `${classes} classes, and no others: it names one of them for every photograph`,
    Layer: `${layers[0].name}, whose map has ${layers[0].shape.slice(1).reverse().join(" by ")} places`,
  };
  find("model").replaceChildren(
    ...Object.entries(facts).flatMap(([term, text]) => [element("dt", term), element("dd", text)]),
  );
}

/** @param {string} name @param {string} text */
function element(name, text) {
  return Object.assign(document.createElement(name), { textContent: text });
}

/** Takes a file as the photograph. @param {File | undefined} picture */
async function take(picture) {
  if (!picture) return;
  await attempt(async () => {
    const bitmap = await createImageBitmap(picture).catch(() => {
      throw new Error(`${picture.name} is not a picture that this browser reads; choose a JPEG, PNG or WebP.`);
    });
    if (bitmap.width * bitmap.height > MOST_PIXELS) {
      throw new Error(`${picture.name} has ${bitmap.width} by ${bitmap.height} pixels; choose a smaller picture.`);
    }
    photograph = bitmap;
    const scores = await ask("scores", bitmap);
    const options = () => scores.map((/** @type {any} */ score) => new Option(nameOf(score), score.index));
    first.replaceChildren(...options());
    second.replaceChildren(new Option("nothing", ""), ...options());
    choices.disabled = false;
    await explain();
  });
}

/** @param {{label: string, probability: number | null}} score */
function nameOf({ label, probability }) {
  return probability === null ? label : `${label}, ${(100 * probability).toFixed(1)} %`;
}

/** Explains the chosen classes. */
async function explain() {
  const targets = [first.value, second.value].filter((value) => value !== "").map(Number);
  const explained = await ask("explain", { bitmap: photograph, targets });
  rows.replaceChildren(...explained.map((/** @type {any} */ row) => section(row)));
  fade();
  say(`Explained: ${explained.map((/** @type {any} */ row) => row.label).join(" and ")}.`);
}

/** A class's panels: the photograph, and a drawing for each method. @param {{label: string, panels: any[]}} row */
function section({ label, panels }) {
  const part = element("section", "");
  const row = Object.assign(document.createElement("div"), { className: "row" });
  row.append(panel("Photograph", "The photograph", panels[0], false));
  row.append(...panels.map((pixels, index) => panel(TITLES[index], `${TITLES[index]} for ${label}`, pixels, true)));
  part.append(element("h2", label), row);
  return part;
}

/** @param {string} title @param {string} description @param {any} pixels @param {boolean} isDrawn */
function panel(title, description, { data, width, height }, isDrawn) {
  const layers = Object.assign(document.createElement("div"), { className: "layers" });
  layers.setAttribute("role", "img");
  layers.setAttribute("aria-label", description);
  const ground = canvasOf(width, height);
  ground.getContext("2d")?.drawImage(/** @type {ImageBitmap} */ (photograph), 0, 0, width, height);
  layers.append(ground);
  if (isDrawn) {
    const drawn = canvasOf(width, height);
    const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
    for (let from = 0, to = 0; from < data.length; from += 3, to += 4) rgba.set(data.subarray(from, from + 3), to);
    drawn.getContext("2d")?.putImageData(new ImageData(rgba, width, height), 0, 0);
    if (title === TITLES[0]) drawn.classList.add("map");
    layers.append(drawn);
  }
  const figure = document.createElement("figure");
  figure.append(layers, element("figcaption", title));
  return figure;
}

/** @param {number} width @param {number} height */
function canvasOf(width, height) {
  return Object.assign(document.createElement("canvas"), { width, height });
}

/** Shows the maps as strongly as the slider says. */
function fade() {
  for (const map of rows.querySelectorAll(".map")) map.style.opacity = strength.value;
}

/** Does something for the user, and says what goes wrong. @param {() => Promise<void>} work */
async function attempt(work) {
  say("Explaining …");
  progress.hidden = false;
  try {
    await work();
  } catch (error) {
    say(/** @type {Error} */ (error).message, true);
  } finally {
    progress.hidden = true;
  }
}

file.addEventListener("change", () => take(file.files[0]));
first.addEventListener("change", () => attempt(explain));
second.addEventListener("change", () => attempt(explain));
strength.addEventListener("input", fade);
find("form").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
for (const kind of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    if (kind === "drop" && !file.disabled) take(event.dataTransfer?.files[0]);
  });
}

await start().catch((error) => {
  progress.hidden = true;
  say(error.message, true);
});
