/** The result of explaining a batch: scores, gradients, and the maps that are computed from them. */

import { cam, gradCam } from "./cam.js";
import * as contract from "./contract.js";
import { draw, put } from "./draw.js";
import { LayerError, MethodError, TargetError } from "./errors.js";
import { checkMethod } from "./methods.js";
import { floor } from "./numbers.js";
import { byScore, probabilitiesOf } from "./scores.js";
import { quoted, shown } from "./text.js";

/**
 * @typedef {import("./cam.js").Values} Values
 * @typedef {import("./methods.js").Method} Method
 *
 * @typedef {object} ClassScore One class of one image.
 * @property {number} index
 * @property {string} label Its name, or the index as text if the model has no labels.
 * @property {number} score y^c, before any softmax or sigmoid.
 * @property {number | null} probability The score after it, or null if the model has neither.
 *
 * @typedef {object} Result
 * @property {import("./metadata.js").Metadata} metadata
 * @property {number} level
 * @property {Method} [method] The method that is drawn by default.
 * @property {Record<string, Values>} outputs The outputs of the run, by name.
 * @property {import("./draw.js").Photograph[]} photographs The N images; none if a tensor was given.
 * @property {readonly import("./rows.js").Wanted[]} wanted One for all rows, or one for each.
 * @property {number[]} [classIndex] The class of each row, if the run does not give it.
 *
 * @typedef {object} Computing
 * @property {string} [layer] The target layer; the default is the model's first.
 * @property {boolean} [relu] Whether Grad-CAM keeps only evidence for the class, and sets negative values to zero.
 *
 * @typedef {object} Drawing
 * @property {Method} [method] The default is the method that was asked for, or else Grad-CAM.
 * @property {number} [row] The explained class; the default is the first.
 * @property {string} [layer] The target layer; the default is the model's first.
 * @property {boolean} [outline] Whether a thin line marks the part of the image that the model saw, on a map.
 * @property {number} [longest] The longest side in pixels; larger photographs are drawn smaller. The default is 2048.
 */

/** The explanation of a batch of N images, with a row for each of M explained classes. */
export class Explanation {
  #photographs;
  #method;

  #wanted;

  /** @param {Result} result */
  constructor({ metadata, level, method = "grad-cam", outputs, photographs, wanted, classIndex }) {
    this.metadata = metadata;
    this.level = level;
    /** The model's added outputs, by their names in the artifact: activations, gradients, … */
    this.outputs = outputs;
    /** y, [N, C], before any softmax or sigmoid. */
    this.scores = outputs[contract.SCORES_OUTPUT].data;
    /**
     * The class explained in each of the M rows; ranks are resolved, and -1 is any other scalar.
     *
     * @type {number[]}
     */
    this.classIndex = classIndex ?? [...outputs[contract.CLASS_INDEX_OUTPUT].data];
    /**
     * The gradient at the input, [M, ...input shape], by the rules of `metadata.input_gradient`.
     *
     * @type {Values | undefined}
     */
    this.inputGradient = outputs[contract.GUIDED_OUTPUT] ?? outputs[contract.INPUT_GRADIENTS_OUTPUT];
    this.#photographs = photographs;
    this.#method = method;
    this.#wanted = wanted;
  }

  /** The names of the M explained classes, as text if the model has no labels; of other scalars a few words. */
  get labels() {
    return this.classIndex.map((index, row) =>
      index < 0 ? Object(this.#wanted[row % this.#wanted.length]).label : this.#label(index),
    );
  }

  /**
   * The scores after the model's own softmax or sigmoid, [N, C], or null if it has neither, or no classes.
   *
   * @returns {Float64Array | null}
   */
  get probabilities() {
    const { classes, score_activation } = this.metadata;
    return probabilitiesOf(this.scores, classes ? score_activation : null, Number(classes));
  }

  /**
   * The classes with the highest scores, best first.
   *
   * @param {number} [count]
   * @param {number} [image] One of the N images.
   * @returns {ClassScore[]}
   */
  top(count = 5, image = 0) {
    const { scores, probabilities, metadata } = this;
    const size = Number(metadata.classes);
    const from = image * size;
    const order = byScore(scores.subarray(from, from + size)).slice(0, count);
    return order.map((index) => ({
      index,
      label: this.#label(index),
      score: scores[from + index],
      probability: probabilities && probabilities[from + index],
    }));
  }

  /**
   * Computes a method: maps [M, h, w] at the layer's own size, or images [M, ...input shape].
   *
   * @param {Method} [method] The default is the method that was asked for, or else Grad-CAM.
   * @param {Computing} [options]
   * @returns {Values}
   * @throws {MethodError} There is no such method, or this model or level does not have it.
   * @throws {LayerError} The model has no such layer.
   */
  compute(method = this.#method, { layer, relu = true } = {}) {
    checkMethod(method, this.metadata, this.level);
    const name = this.#layer(method === "cam" ? this.metadata.cam_layer : layer);
    const { outputs } = this;
    if (method === "guided-backprop") return outputs[contract.GUIDED_OUTPUT];
    if (method === "guided-grad-cam") return outputs[contract.GUIDED_GRAD_CAM_PREFIX + name];
    const prefixes = [contract.ACTIVATIONS_PREFIX, contract.GRADIENTS_PREFIX];
    const [activations, gradients] = prefixes.map((prefix) => outputs[prefix + name]);
    return method === "cam" ? cam(activations, gradients) : gradCam(activations, gradients, relu);
  }

  /**
   * Draws a map over the photograph, or a guided image at its place on the photograph.
   *
   * @param {HTMLCanvasElement | OffscreenCanvas | null} [canvas] Gets the drawing's size and pixels, if there is one.
   * @param {Drawing} [drawing]
   * @returns {import("./resample.js").Pixels} The drawing, RGB.
   * @throws {MethodError} As in `compute`; or a tensor was explained, which is no photograph.
   */
  overlay(canvas, { method = this.#method, row = 0, layer, outline = true, longest = 2048 } = {}) {
    const { data, dims } = this.compute(method, { layer });
    if (!(row in this.classIndex)) {
      throw new TargetError(`there is no row ${quoted(row)}; the explanation has the rows 0 to ${dims[0] - 1}`);
    }
    const photograph = this.#photographs[floor((row * this.#photographs.length) / dims[0])];
    if (!photograph)
      throw new MethodError("an overlay needs a photograph, and a tensor was explained; explain an image");
    const size = data.length / dims[0];
    const own = { data: data.subarray(row * size, (row + 1) * size), dims: dims.slice(1) };
    const drawing = draw(own, photograph, this.metadata, { isMap: !method.startsWith("guided"), outline, longest });
    if (canvas) put(drawing, canvas);
    return drawing;
  }

  /** @param {number} index */
  #label(index) {
    return this.metadata.labels?.[index] ?? String(index);
  }

  /**
   * The name of a layer.
   *
   * @param {string | null} [layer]
   */
  #layer(layer) {
    const names = this.metadata.layers.map(({ name }) => name);
    const name = layer ?? names[0];
    if (names.includes(name)) return name;
    throw new LayerError(`the model has no target layer ${quoted(name)}; it has ${shown(names.join(", "))}`);
  }
}
