/** Runs an explainer model on images or tensors. */

import { LEVEL_INPUT, METADATA_KEY, SEED_INPUT, TARGET_INPUT } from "./contract.js";
import { ModelError, TensorError } from "./errors.js";
import { Explanation } from "./explanation.js";
import { imageShape, product } from "./metadata.js";
import { levelOfRun } from "./methods.js";
import { asFloat32, asType, max, sum } from "./numbers.js";
import { readPixels } from "./pixels.js";
import { preprocess } from "./preprocess.js";
import { needScores, NOTHING, resolveTargets, rowsOf } from "./rows.js";
import { checkedOutputs, openSession } from "./session.js";
import { shown } from "./text.js";

/**
 * @typedef {import("./session.js").Tensor} Tensor
 * @typedef {import("./pixels.js").ImageSource} ImageSource
 * @typedef {import("./rows.js").Target} Target
 * @typedef {{tensor: Tensor, photographs: import("./draw.js").Photograph[]}} Prepared
 *
 * @typedef {object} Request
 * @property {Target | readonly Target[]} [target] A class index, a label, a rank (-1 is the top-scoring class, -2
 *   the second), or a scalar of `onnxcam/targets`; or a list of these: one for each image, or any number for a single
 *   image. The default is -1.
 * @property {import("./methods.js").Level} [level] 0 for the scores alone, 1 also for CAM and Grad-CAM, 2 also for the
 *   gradient at the input. The default is what `method` needs, or else the highest that the model has.
 * @property {import("./methods.js").Method} [method] The method that is drawn by default.
 * @property {Record<string, Tensor>} [inputs] The model's other inputs, by name.
 */

/** An explainer model, loaded once and ready for any number of images. */
export class Explainer {
  /** @type {Promise<unknown>} The last run: onnxruntime-web refuses a run before the one before has ended. */
  #busy = Promise.resolve();
  #session;
  #ort;

  /**
   * See `Explainer.create`.
   *
   * @param {any} session
   * @param {import("./metadata.js").Metadata} metadata
   * @param {import("./session.js").OnnxRuntime} ort
   */
  constructor(session, metadata, ort) {
    this.#session = session;
    this.#ort = ort;
    this.metadata = metadata;
  }

  /**
   * Loads a model.
   *
   * @param {string | URL | ArrayBuffer | Uint8Array} model The address of an explainer model; or the bytes of its file,
   *   which are edited in place: they stay an explainer model, but one whose added inputs have no defaults.
   * @param {import("./session.js").Opening} options
   * @throws {ModelError} The file is missing, corrupt, no explainer model, from a newer schema, or cannot be loaded.
   */
  static async create(model, options) {
    const isAddress = typeof model === "string" || model instanceof URL;
    const bytes = isAddress ? await download(model) : model instanceof ArrayBuffer ? new Uint8Array(model) : model;
    const { session, metadata } = await openSession(bytes, isAddress ? shown(model) : "the model", options);
    return new Explainer(session, metadata, options.ort);
  }

  /** The names of the C classes, or null if the model has none. */
  get labels() {
    return this.metadata.labels;
  }

  /** Frees the model's memory, once the runs that have begun have ended; new runs are an error. */
  async close() {
    const session = this.#session;
    this.#session = null;
    await this.#busy;
    await session?.release();
  }

  /**
   * Explains one image, or several as one batch.
   *
   * @param {ImageSource | Tensor | Prepared | readonly ImageSource[]} image `ImageData` or any `{data, width, height}`
   *   of 8-bit pixels, a canvas or an `ImageBitmap`; a list of these; what `prepare` gives; or a preprocessed `Tensor`.
   * @param {Request} [request]
   * @returns {Promise<Explanation>} With a row for each explained class.
   * @throws {import("./errors.js").OnnxCamError} One of its kinds, by what is wrong.
   */
  async explain(image, { target, level, method, inputs } = {}) {
    const { metadata } = this;
    const chosen = levelOfRun(level, method, metadata);
    const prepared = this.prepare(image);
    const images = prepared.tensor.dims[0];
    const asked = target ?? (chosen || metadata.classes !== null ? -1 : NOTHING);
    const wanted = resolveTargets(asked, images, metadata);
    const scores = needScores(wanted)
      ? (await this.explain(prepared, { level: 0, inputs })).scores
      : new Float32Array(images * product(metadata.score_shape));
    const { targets, seeds, classIndex } = rowsOf(wanted, images, scores);
    const got = await this.#run({ ...inputs, ...this.#feeds(prepared.tensor, chosen, targets, seeds) });
    const outputs = checkedOutputs(got, metadata, chosen, images, max(images, wanted.length));
    return new Explanation({ ...prepared, metadata, level: chosen, method, outputs, wanted, classIndex });
  }

  /**
   * Preprocesses images once, for several explanations of them.
   *
   * @param {ImageSource | Tensor | Prepared | readonly ImageSource[]} image
   * @returns {Prepared} What `explain` takes as an image.
   */
  prepare(image) {
    const given = Object(image);
    if ("tensor" in given) return given;
    if ("dims" in given) return { tensor: checkTensor(given, this.metadata), photographs: [] };
    const images = [image].flat().map((one) => readPixels(/** @type {ImageSource} */ (one)));
    const { data, dims, photographs } = preprocess(images, this.metadata);
    const { dtype } = this.metadata.image;
    return { tensor: checkTensor(new this.#ort.Tensor(dtype, asType(data, dtype), dims), this.metadata), photographs };
  }

  /**
   * The image and the added inputs of a run.
   *
   * @param {Tensor} tensor
   * @param {number} level
   * @param {readonly number[]} targets
   * @param {Float32Array} seeds
   */
  #feeds(tensor, level, targets, seeds) {
    const { image, score_shape } = this.metadata;
    const int64 = (/** @type {readonly number[]} */ values, /** @type {number[]} */ dims) =>
      new this.#ort.Tensor("int64", BigInt64Array.from(values, BigInt), dims);
    return {
      [image.name]: tensor,
      [TARGET_INPUT]: int64(targets, [targets.length]),
      [LEVEL_INPUT]: int64([level], []),
      [SEED_INPUT]: new this.#ort.Tensor("float32", seeds, [seeds.length / product(score_shape), ...score_shape]),
    };
  }

  /**
   * All outputs of a run; those that its level does not give have no rows. Naming some of them is not safe: before
   * 1.24, onnxruntime-node gives them others' values.
   *
   * @param {Record<string, Tensor>} feeds
   */
  async #run(feeds) {
    const session = this.#session;
    if (!session) throw new ModelError("the explainer is closed; make a new one");
    for (const name in feeds) {
      if (session.inputNames.includes(name)) continue;
      // The level may be fixed, only class scores have targets, and models of the first schema have no seeds.
      if (name.startsWith(METADATA_KEY)) delete feeds[name];
      // Without this, onnxruntime-node would leave it out in silence.
      else throw new TensorError(`the model has no input ${shown(name)}; it takes ${session.inputNames}`);
    }
    const run = this.#busy.then(() => session.run(feeds));
    this.#busy = run.catch(() => {});
    try {
      return await run;
    } catch (error) {
      throw new ModelError(`the model could not be run: ${shown(error)}`, { cause: error });
    }
  }
}

/** @param {string | URL} address */
async function download(address) {
  try {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new ModelError(`cannot read ${shown(address)}: ${shown(error)}`);
  }
}

/**
 * Checks a tensor's type, shape and values against the model's input.
 *
 * @param {Tensor} tensor
 * @param {import("./metadata.js").Metadata} metadata
 * @returns {Tensor}
 */
function checkTensor(tensor, { image }) {
  const { type, dims } = tensor;
  const expected = [image.batch ?? "N", ...imageShape(image)];
  const given = [image.batch ? dims[0] : "N", ...dims.slice(1)];
  if (type !== image.dtype || !dims[0] || `${given}` !== `${expected}`)
    throw new TensorError(`the input must be ${image.dtype} [${expected}] (${image.layout}), not ${type} [${dims}]`);
  if (!isFinite(sum(asFloat32(tensor)))) throw new TensorError("the input holds NaN or infinity");
  return tensor;
}
