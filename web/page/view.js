/** Makes the page's elements: rows of panels, boxes on a photograph, and what is known of a model. */

/**
 * @typedef {import("./worker.js").Row} Row
 * @typedef {import("./panels.js").Panel} Panel
 * @typedef {{label: string, share: number | null, box?: number[]}} Answer
 */

/**
 * @param {string} name
 * @param {string} text
 */
export function element(name, text) {
  return Object.assign(document.createElement(name), { textContent: text });
}

/** An answer in words. @param {Answer} answer */
export function nameOf({ label, share }) {
  return share === null ? label : `${label}, ${(100 * share).toFixed(1)} %`;
}

/**
 * A row: the photograph with its boxes, and the panels.
 *
 * @param {Row} row
 * @param {ImageBitmap} photograph
 * @param {Answer[]} answers
 * @param {(choice: number) => void} choose
 */
export function section({ label, choice, panels }, photograph, answers, choose) {
  const part = element("section", "");
  const row = Object.assign(document.createElement("div"), { className: "row" });
  const boxes = answers.flatMap((answer, at) => (answer.box ? [boxButton(answer, at, at === choice, choose)] : []));
  row.append(figure("Photograph", "The photograph", [picture(photograph), ...boxes], boxes.length > 0));
  for (const panel of panels) row.append(figureOf(panel, label, photograph));
  part.append(element("h2", label), row);
  return part;
}

/**
 * A panel: a map over the photograph, or a signed image on grey.
 *
 * @param {Panel} panel
 * @param {string} label
 * @param {ImageBitmap} photograph
 */
function figureOf({ title, isMap, rgba, width, height, box }, label, photograph) {
  const drawn = canvasOf(width, height);
  drawn.getContext("2d")?.putImageData(new ImageData(/** @type {any} */ (rgba), width, height), 0, 0);
  drawn.classList.add(isMap ? "map" : "signed");
  place(drawn, box);
  return figure(title, `${title} for ${label}`, [picture(photograph, isMap), drawn]);
}

/**
 * @param {string} title
 * @param {string} description
 * @param {Element[]} layers
 * @param {boolean} [isGroup] Whether it holds controls, which an image cannot.
 */
function figure(title, description, layers, isGroup = false) {
  const stack = Object.assign(document.createElement("div"), { className: "layers" });
  stack.setAttribute("role", isGroup ? "group" : "img");
  stack.setAttribute("aria-label", description);
  stack.append(...layers);
  const whole = document.createElement("figure");
  whole.append(stack, element("figcaption", title));
  return whole;
}

/**
 * A photograph as large as a panel needs it. Panels that draw a large one anew take a tenth of the model's own run.
 *
 * @param {ImageBitmap} photograph
 */
export function reduced(photograph) {
  const longest = 960;
  const factor = Math.min(longest / Math.max(photograph.width, photograph.height), 1);
  const [width, height] = [photograph.width, photograph.height].map((side) => Math.max(1, Math.round(side * factor)));
  return createImageBitmap(photograph, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" });
}

/**
 * The photograph, or the grey of its shape that the style sheet gives.
 *
 * @param {ImageBitmap} photograph From `reduced`.
 * @param {boolean} [isShown]
 */
function picture(photograph, isShown = true) {
  const canvas = canvasOf(photograph.width, photograph.height);
  canvas.className = "ground";
  if (isShown) canvas.getContext("2d")?.drawImage(photograph, 0, 0);
  return canvas;
}

/**
 * @param {Answer} answer
 * @param {number} choice
 * @param {boolean} isExplained
 * @param {(choice: number) => void} choose
 */
function boxButton(answer, choice, isExplained, choose) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "box" });
  button.setAttribute("aria-pressed", String(isExplained));
  button.setAttribute("aria-label", `Explain ${nameOf(answer)}`);
  button.title = nameOf(answer);
  button.addEventListener("click", () => choose(choice));
  place(button, /** @type {number[]} */ (answer.box));
  return button;
}

/** Puts an element on the photograph. @param {HTMLElement} part @param {number[]} box Shares of the sides. */
function place(part, [left, top, right, bottom]) {
  const sides = { left, top, width: right - left, height: bottom - top };
  for (const [side, share] of Object.entries(sides)) part.style.setProperty(side, `${100 * share}%`);
}

/** @param {number} width @param {number} height */
function canvasOf(width, height) {
  return Object.assign(document.createElement("canvas"), { width, height });
}

/**
 * Where a model came from, how it was verified, and what it cannot do.
 *
 * @param {any} metadata
 * @param {string} file
 */
export function factsOf(metadata, file) {
  const { source, verification, image, layers, preprocessing } = metadata;
  const errors = Object.values(verification?.errors ?? {}).map(Number);
  const facts = {
    Name: source.name,
    File: file,
    "Made by": source.exporter,
    Verified: verification
      ? `when it was exported, against ${verification.reference}; largest error ${Math.max(...errors).toPrecision(2)}`
      : "no: its maps were compared with no other computation",
    Sees: `${image.width} by ${image.height} pixels${preprocessing?.crop === null ? "" : ", cut from the middle of the photograph or fitted into it"}`,
    Answers: answersOf(metadata),
    Layer: `${layers[0].name}, whose map has ${layers[0].shape.slice(1).reverse().join(" by ")} places: no map is finer`,
  };
  return Object.entries(facts).flatMap(([term, text]) => [element("dt", term), element("dd", text)]);
}

/** @param {any} metadata */
function answersOf({ classes, detection, score_shape }) {
  if (detection) return `boxes of ${detection.count} classes, and no others`;
  if (classes === null) return `one of ${score_shape[0]} classes for each place, and no others`;
  return `${classes} classes, and no others: it names one of them for every photograph`;
}
