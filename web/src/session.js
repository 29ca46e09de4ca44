/** Opens an explainer model in ONNX Runtime, and runs it: arrays in, arrays out, by the names of the contract. */

import { fixLevel, metadataText, requireInputs } from "./artifact.js";
import * as contract from "./contract.js";
import { ModelError, ProviderError } from "./errors.js";
import { imageShape, readMetadata } from "./metadata.js";
import { asFloat32, asType } from "./numbers.js";
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
 * @property {0 | 1 | 2} [level] The highest level that runs may ask for: less memory, and quicker to load.
 * @property {Record<string, unknown>} [sessionOptions] ONNX Runtime's other options of a session.
 */

const LOG_ERRORS = 3;
const ON_THE_PROCESSOR = [undefined, "wasm", "cpu"];

/** An explainer model in ONNX Runtime. */
export class LoadedModel {
  /** @type {Promise<unknown>} The last run: onnxruntime-web refuses a run before the one before has ended. */
  #busy = Promise.resolve();
  #session;
  #ort;

  /**
   * @param {any} session
   * @param {Metadata} metadata
   * @param {OnnxRuntime} ort
   */
  constructor(session, metadata, ort) {
    this.#session = session;
    this.#ort = ort;
    this.metadata = metadata;
  }

  /**
   * Opens a model.
   *
   * @param {Uint8Array} bytes The file, which is edited in place.
   * @param {string} name The model's name, for error messages.
   * @param {Opening} options
   */
  static async open(bytes, name, { ort, executionProviders, level, sessionOptions }) {
    const metadata = readMetadata(metadataText(bytes, name));
    if (level !== undefined && fixLevel(bytes, level, name)) metadata.level = level;
    requireInputs(bytes, name);
    try {
      const options = { logSeverityLevel: LOG_ERRORS, ...sessionOptions, ...(executionProviders && { executionProviders }) };
      return new LoadedModel(await ort.InferenceSession.create(bytes, options), metadata, ort);
    } catch (error) {
      const provider = executionProviders?.[0]?.name ?? executionProviders?.[0];
      if (ON_THE_PROCESSOR.includes(provider)) {
        throw new ModelError(`${name} is not a model that ONNX Runtime can load: ${shown(error)}`, { cause: error });
      }
      throw new ProviderError(`${name} does not load with ${provider}: ${shown(error)}`, { cause: error });
    }
  }

  /**
   * Makes a tensor for the image input.
   *
   * @param {Float32Array} values
   * @param {number[]} dims
   * @returns {Tensor}
   */
  tensor(values, dims) {
    const { dtype } = this.metadata.image;
    return new this.#ort.Tensor(dtype, asType(values, dtype), dims);
  }

  /**
   * Runs the model; the caller checks that the arguments fit it.
   *
   * @param {Record<string, Tensor>} inputs All inputs of the original model, by name.
   * @param {readonly number[]} targets Classes and ranks, [T].
   * @param {number} level 0, 1 or 2.
   * @param {readonly string[]} layers The target layers whose activations and gradients are fetched.
   * @returns {Promise<Record<string, Tensor>>} The outputs of the level, by name; no others are fetched.
   */
  async run(inputs, targets, level, layers) {
    const images = inputs[this.metadata.image.name].dims[0];
    const promised = promisedShapes(this.metadata, level, layers, images, Math.max(images, targets.length));
    const got = await this.#fetch(Object.keys(promised), { ...inputs, ...this.#added(targets, level) });
    for (const [name, shape] of Object.entries(promised)) checkOutput(name, got[name], shape);
    return got;
  }

  /** Frees the model's memory, once the runs that have begun have ended. */
  async close() {
    const session = this.#session;
    this.#session = null;
    await this.#busy;
    await session?.release?.();
  }

  /**
   * The added inputs that this form of the model takes.
   *
   * @param {readonly number[]} targets
   * @param {number} level
   */
  #added(targets, level) {
    const added = { [contract.TARGET_INPUT]: [targets, [targets.length]], [contract.LEVEL_INPUT]: [[level], []] };
    const taken = Object.entries(added).filter(([name]) => this.#session?.inputNames.includes(name));
    return Object.fromEntries(
      taken.map(([name, [values, dims]]) => [name, new this.#ort.Tensor("int64", BigInt64Array.from(values, BigInt), dims)]),
    );
  }

  /**
   * @param {string[]} names
   * @param {Record<string, Tensor>} feeds
   */
  async #fetch(names, feeds) {
    const session = this.#session;
    if (!session) throw new ModelError("the explainer is closed; make a new one");
    const run = this.#busy.then(() => session.run(feeds, names));
    this.#busy = run.catch(() => {});
    try {
      return await run;
    } catch (error) {
      throw new ModelError(`the model could not be run: ${shown(error)}`, { cause: error });
    }
  }
}

/**
 * The outputs of a run, and the shapes that the contract promises for them.
 *
 * @param {Metadata} metadata
 * @param {number} level
 * @param {readonly string[]} layers
 * @param {number} images N.
 * @param {number} rows M.
 */
function promisedShapes(metadata, level, layers, images, rows) {
  /** @type {Record<string, number[]>} */
  const shapes = { [contract.SCORES_OUTPUT]: [images, metadata.classes], [contract.CLASS_INDEX_OUTPUT]: [rows] };
  for (const { name, shape } of metadata.layers) {
    if (level < 1 || !layers.includes(name)) continue;
    shapes[contract.ACTIVATIONS_PREFIX + name] = [images, ...shape];
    shapes[contract.GRADIENTS_PREFIX + name] = [rows, ...shape];
  }
  if (level > 1) shapes[contract.inputGradientOutput(metadata)] = [rows, ...imageShape(metadata.image)];
  return shapes;
}

/**
 * Checks an output: a graph's declared shapes may be false, and weights may hold NaN.
 *
 * @param {string} name
 * @param {Tensor} tensor
 * @param {number[]} expected
 */
function checkOutput(name, tensor, expected) {
  if (`${tensor.dims}` !== `${expected}`) {
    throw new ModelError(
      `the model gave ${shown(name)} as [${tensor.dims}], where its metadata promises [${expected}]; export the model again`,
    );
  }
  if (name !== contract.CLASS_INDEX_OUTPUT && !asFloat32(tensor).every(Number.isFinite)) {
    throw new ModelError(
      `the model's ${shown(name)} holds NaN or infinity for this input; check its weights, and that the input is ` +
        "preprocessed as it was in training, or ask for the scores alone with level 0",
    );
  }
}
