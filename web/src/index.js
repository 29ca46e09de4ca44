/** Grad-CAM and guided gradients of ONNX models, computed by onnxruntime-web or onnxruntime-node. */

export { Explainer } from "./explainer.js";
export { METHODS } from "./methods.js";
export { colour } from "./colours.js";
export * from "./errors.js";

/** @typedef {import("./explanation.js").Explanation} Explanation */
