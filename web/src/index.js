/** Grad-CAM and guided gradients of ONNX models, computed by onnxruntime-web or onnxruntime-node. */

export { Explainer } from "./explainer.js";
export { Explanation } from "./explanation.js";
export { METHODS } from "./methods.js";
export { cam, gradCam, guidedGradCam, upsample } from "./cam.js";
export { colour } from "./colours.js";
export { overlay, signed } from "./overlay.js";
export { preprocess } from "./preprocess.js";
export { resample } from "./resample.js";
export * from "./errors.js";
