/** Runs the model beside the page, which stays responsive. */

import * as ort from "onnxruntime-web/wasm";

import { Explainer, METHODS } from "../src/index.js";

// Of the methods, CAM is left out: it is Grad-CAM without its ReLU, up to a factor, wherever a model has it.
const DRAWN = METHODS.filter((method) => method !== "cam");
const LONGEST = 480; // pixels of a panel's longer side

/** @type {Explainer} */
let explainer;

ort.env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", import.meta.url).href };

/** @type {Record<string, (argument: any) => Promise<any>>} */
const TASKS = {
  /** Opens the model, and gives its metadata. @param {Uint8Array} bytes */
  async open(bytes) {
    explainer = await Explainer.create(bytes, { ort, executionProviders: ["wasm"] });
    return explainer.metadata;
  },

  /** All classes of a photograph, best first. @param {ImageBitmap} bitmap */
  async scores(bitmap) {
    const explanation = await explainer.explain(bitmap, { level: 0 });
    return explanation.top(Number(explainer.metadata.classes));
  },

  /** The drawings of some classes. @param {{bitmap: ImageBitmap, targets: number[]}} request */
  async explain({ bitmap, targets }) {
    const { input_gradient, level } = explainer.metadata;
    const isGuided = input_gradient === "guided" && level !== 1;
    const explanation = await explainer.explain(bitmap, { target: targets, level: isGuided ? 2 : 1 });
    const methods = isGuided ? DRAWN : DRAWN.slice(0, 1);
    return targets.map((_, row) => ({
      label: explanation.labels[row],
      panels: methods.map((method) => explanation.overlay(null, { method, row, longest: LONGEST })),
    }));
  },
};

onmessage = async ({ data: { id, task, argument } }) => {
  try {
    postMessage({ id, result: await TASKS[task](argument) });
  } catch (error) {
    postMessage({ id, error: /** @type {Error} */ (error).message });
  }
};
