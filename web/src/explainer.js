/** Runs an explainer model on images or tensors. */

import { LayerError, TensorError } from "./errors.js";
import { Explanation } from "./explanation.js";
import { imageShape } from "./metadata.js";
import { levelOfRun } from "./methods.js";
import { readPixels } from "./pixels.js";
import { preprocess } from "./preprocess.js";
import { LoadedModel } from "./session.js";
import { readModel } from "./source.js";
import { resolveTargets } from "./targets.js";
import { quoted, shown } from "./text.js";

/**
 * @typedef {import("./session.js").Tensor} Tensor
 * @typedef {import("./pixels.js").ImageSource} ImageSource
 * @typedef {import("./targets.js").Target} Target
 *
 * @typedef {object} Request
 * @property {Target | readonly Target[]} [target] A class index, a label, or a rank (-1 is the top-scoring class, -2 the
 *   second); or a list of these: one for each image, or any number for a single image. The default is -1.
 * @property {import("./methods.js").Level} [level] 0 for the scores alone, 1 also for CAM and Grad-CAM, 2 also for the
 *   gradient at the input. The default is what `method` needs, or else the highest that the model has.
 * @property {import("./methods.js").Method} [method] The method that is drawn by default.
 * @property {string} [layer] The target layer to fetch; the default is every target layer of the model.
 * @property {Record<string, Tensor>} [inputs] The model's other inputs, by name.
 */

/** An explainer model, loaded once and ready for any number of images. */
export class Explainer {
  #model;

  /** @param {LoadedModel} model See `Explainer.create`. */
  constructor(model) {
    this.#model = model;
    this.metadata = model.metadata;
  }

  /**
   * Loads a model.
   *
   * @param {import("./source.js").ModelSource} model The address of an explainer model, in Node also its path; or its
   *   bytes, in which the defaults of the added inputs are renamed.
   * @param {import("./session.js").Opening} options
   * @throws {import("./errors.js").ModelError} The file is missing, corrupt, not an explainer model, or from a newer schema.
   * @throws {import("./errors.js").ProviderError} An execution provider cannot be loaded.
   */
  static async create(model, options) {
    const { bytes, name } = await readModel(model);
    return new Explainer(await LoadedModel.open(bytes, name, options));
  }

  /** The names of the C classes, or null if the model has none. */
  get labels() {
    return this.metadata.labels;
  }

  /** Frees the model's memory. A run that has begun continues; new runs are an error. */
  close() {
    return this.#model.close();
  }

  /**
   * Explains one image, or several as one batch.
   *
   * @param {ImageSource | Tensor | readonly ImageSource[]} image `ImageData` or any `{data, width, height}` of 8-bit pixels,
   *   a canvas or an `ImageBitmap`; a list of these; or a preprocessed `Tensor`.
   * @param {Request} [request]
   * @returns {Promise<Explanation>} With a row for each explained class.
   * @throws {import("./errors.js").OnnxCamError} One of its kinds, by what is wrong.
   */
  async explain(image, { target = -1, level, method, layer, inputs = {} } = {}) {
    const { metadata } = this;
    const chosen = levelOfRun(level, method, metadata);
    const layers = this.#layers(layer);
    const { tensor, photographs } = this.#input(image);
    const targets = resolveTargets(target, tensor.dims[0], metadata);
    const outputs = await this.#model.run({ ...inputs, [metadata.image.name]: tensor }, targets, chosen, layers);
    return new Explanation({ metadata, level: chosen, method, outputs, photographs });
  }

  /** @param {string | undefined} layer */
  #layers(layer) {
    const names = this.metadata.layers.map(({ name }) => name);
    if (layer === undefined) return names;
    if (names.includes(layer)) return [layer];
    throw new LayerError(`the model has no target layer ${quoted(layer)}; it has ${shown(names.join(", "))}`);
  }

  /**
   * @param {ImageSource | Tensor | readonly ImageSource[]} image
   * @returns {{tensor: Tensor, photographs: import("./draw.js").Photograph[]}}
   */
  #input(image) {
    if ("dims" in Object(image)) return { tensor: checkTensor(/** @type {Tensor} */ (image), this.metadata), photographs: [] };
    const images = [image].flat().map((one) => readPixels(/** @type {ImageSource} */ (one)));
    const { data, dims, photographs } = preprocess(images, this.metadata);
    return { tensor: checkTensor(this.#model.tensor(data, dims), this.metadata), photographs };
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
  const { type, dims, data } = tensor;
  const shape = [image.batch ?? dims[0], ...imageShape(image)];
  if (type !== image.dtype || `${dims}` !== `${shape}`) {
    const expected = [image.batch ?? "N", ...imageShape(image)].join(", ");
    throw new TensorError(`the input must be ${image.dtype} [${expected}] (${image.layout}), not ${type} [${dims.join(", ")}]`);
  }
  if (dims[0] === 0) throw new TensorError("the batch is empty");
  if (type.startsWith("float") && !data.every(Number.isFinite)) throw new TensorError("the input holds NaN or infinity");
  return tensor;
}
