/** Opens an explainer model in ONNX Runtime, and checks what it gives: by the names of the artifact's contract. */

import { metadataText, requireInputs } from "./artifact.js";
import * as contract from "./contract.js";
import { ModelError } from "./errors.js";
import { imageShape, readMetadata } from "./metadata.js";
import { asFloat32, sum } from "./numbers.js";
import { shown } from "./text.js";

/**
 * @typedef {import("./metadata.js").Metadata} Metadata
 * @typedef {import("./cam.js").Values} Values
 *
 * @typedef {object} Tensor ONNX Runtime's tensor.
 * @property {string} type
 * @property {readonly number[]} dims
 * @property {any} data
 *
 * @typedef {object} OnnxRuntime The module onnxruntime-web or onnxruntime-node.
 * @property {{create: (model: Uint8Array, options: any) => Promise<any>}} InferenceSession
 * @property {any} Tensor
 *
 * @typedef {object} Opening
 * @property {OnnxRuntime} ort The module onnxruntime-web or onnxruntime-node.
 * @property {readonly any[]} [executionProviders] Where ONNX Runtime computes, such as `["webgpu", "wasm"]`.
 * @property {Record<string, unknown>} [sessionOptions] ONNX Runtime's other options of a session.
 */

/**
 * Opens a model.
 *
 * @param {Uint8Array} bytes The file, which is edited in place.
 * @param {string} name The model's name, for error messages.
 * @param {Opening} options
 * @returns {Promise<{session: any, metadata: Metadata}>}
 */
export async function openSession(bytes, name, { ort, executionProviders, sessionOptions }) {
  const errors = 3;
  try {
    const metadata = readMetadata(metadataText(bytes, name));
    requireInputs(bytes);
    const options = {
      logSeverityLevel: errors,
      ...sessionOptions,
      ...(executionProviders && { executionProviders }),
    };
    return { session: await ort.InferenceSession.create(bytes, options), metadata };
  } catch (error) {
    if (error instanceof ModelError) throw error;
    throw new ModelError(`ONNX Runtime cannot load ${name}: ${shown(error)}`, { cause: error });
  }
}

/**
 * The added outputs of a run, checked.
 *
 * @param {Record<string, Tensor>} got
 * @param {Metadata} metadata
 * @param {number} level
 * @param {number} images N.
 * @param {number} rows M.
 */
export function checkedOutputs(got, { score_shape, classes, layers, image, input_gradient }, level, images, rows) {
  /** @type {Record<string, Values>} */
  const outputs = {};
  const check = (/** @type {string} */ name, /** @type {number[]} */ dims) =>
    (outputs[name] = { data: checked(name, got[name], dims), dims });
  const isGuided = input_gradient === "guided";
  const atInput = [rows, ...imageShape(image)];
  check(contract.SCORES_OUTPUT, [images, ...score_shape]);
  if (classes !== null) check(contract.CLASS_INDEX_OUTPUT, [rows]);
  if (level > 1) check(isGuided ? contract.GUIDED_OUTPUT : contract.INPUT_GRADIENTS_OUTPUT, atInput);
  for (const { name, shape } of level ? layers : []) {
    check(contract.ACTIVATIONS_PREFIX + name, [images, ...shape]);
    check(contract.GRADIENTS_PREFIX + name, [rows, ...shape]);
    if (level > 1 && isGuided) check(contract.GUIDED_GRAD_CAM_PREFIX + name, atInput);
  }
  return outputs;
}

/**
 * The values of an output, checked: a graph's declared shapes may be false, and weights may hold NaN.
 *
 * @param {string} name
 * @param {Tensor} tensor
 * @param {number[]} dims The shape that it must have.
 * @returns {Float32Array}
 */
function checked(name, tensor, dims) {
  if (`${tensor.dims}` !== `${dims}`) {
    throw new ModelError(
      `the model gave ${shown(name)} as [${tensor.dims}], where its metadata promises [${dims}]; export the model again`,
    );
  }
  const data = asFloat32(tensor);
  if (isFinite(sum(data))) return data;
  throw new ModelError(
    `the model's ${shown(name)} holds NaN or infinity for this input; check its weights, and that the input is ` +
      "preprocessed as it was in training, or ask for the scores alone with level 0",
  );
}
