/** Runs the model beside the page, which stays responsive. */

import * as ort from "onnxruntime-web/wasm";

import { Explainer } from "../src/index.js";
import { choicesOf } from "./choices.js";
import { panelsOf, small } from "./panels.js";

/**
 * @typedef {import("./choices.js").Choice} Choice
 *
 * @typedef {object} Row An explained answer.
 * @property {string} label
 * @property {number} choice Its index among the choices.
 * @property {import("./panels.js").Panel[]} panels
 */

/** @type {Explainer | undefined} */
let explainer;
/** @type {{prepared: import("../src/explainer.js").Prepared, small: import("../src/draw.js").Photograph}} */
let taken;
/** @type {Choice[]} */
let choices = [];

/** @type {Record<string, (argument: any) => Promise<any>>} */
const TASKS = {
  /** Gives ONNX Runtime its code. @param {Uint8Array} bytes */
  async runtime(bytes) {
    ort.env.wasm.wasmBinary = /** @type {any} */ (bytes);
  },

  /** Opens a model in place of the one before, and gives its metadata. @param {Uint8Array} bytes */
  async open(bytes) {
    await explainer?.close();
    explainer = await Explainer.create(bytes, { ort, executionProviders: ["wasm"] });
    return explainer.metadata;
  },

  /** All answers to a photograph, best first, and the explanation of the first. @param {ImageBitmap} bitmap */
  async take(bitmap) {
    const model = /** @type {Explainer} */ (explainer);
    const prepared = model.prepare(bitmap);
    taken = { prepared, small: small(prepared.photographs[0]) };
    if (model.metadata.classes !== null) {
      const explanation = await model.explain(prepared, { target: -1 }); // the scores come with it
      choices = choicesOf(explanation, prepared.photographs[0]);
      return { choices: shown(), rows: rowsOf(explanation, [0]) };
    }
    choices = choicesOf(await model.explain(prepared, { level: 0 }), prepared.photographs[0]);
    return { choices: shown(), rows: choices.length ? await TASKS.explain([0]) : [] };
  },

  /** Explains choices by their indices. @param {number[]} indices @returns {Promise<Row[]>} */
  async explain(indices) {
    const target = indices.map((index) => choices[index].target);
    return rowsOf(await /** @type {Explainer} */ (explainer).explain(taken.prepared, { target }), indices);
  },
};

/** The choices without their targets, which cannot leave the worker. */
const shown = () => choices.map(({ label, share, box }) => ({ label, share, box }));

/** @param {import("../src/explanation.js").Explanation} explanation @param {number[]} indices @returns {Row[]} */
function rowsOf(explanation, indices) {
  return indices.map((choice, row) => ({
    label: choices[choice].label,
    choice,
    panels: panelsOf(explanation, row, taken.small),
  }));
}

/** The memory of the drawings in a result, which is handed over and not copied. @param {any} result */
const drawings = (result) =>
  (Array.isArray(result) ? result : (result?.rows ?? [])).flatMap((/** @type {Row} */ { panels }) =>
    panels.map(({ rgba }) => rgba.buffer),
  );

onmessage = async ({ data: { id, task, argument } }) => {
  try {
    const result = await TASKS[task](argument);
    postMessage({ id, result }, { transfer: drawings(result) });
  } catch (error) {
    postMessage({ id, error: /** @type {Error} */ (error).message });
  }
};
