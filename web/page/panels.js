/**
 * Draws a row of an explanation as pixels for the page.
 *
 * The map is drawn as the package draws it. Guided images stay in the input's size: the page's style puts them in their
 * place on the photograph, and enlarges them, which would take longer here than a sixth of the model's own run.
 */

import { imageToDraw, mapToDraw } from "../src/display.js";
import { boxOn } from "../src/geometry.js";
import { overlay } from "../src/overlay.js";
import { asRgb } from "../src/preprocess.js";
import { resample } from "../src/resample.js";

const LONGEST = 480; // pixels of the map's longer side

/**
 * @typedef {import("../src/explanation.js").Explanation} Explanation
 * @typedef {import("../src/draw.js").Photograph} Photograph
 * @typedef {import("../src/cam.js").Values} Values
 * @typedef {import("../src/resample.js").Pixels} Pixels
 *
 * @typedef {object} Panel
 * @property {string} title
 * @property {boolean} isMap Whether it covers the photograph; otherwise it is a signed image on grey.
 * @property {Uint8ClampedArray} rgba
 * @property {number} width
 * @property {number} height
 * @property {number[]} box Left, top, right and bottom on the photograph, as shares of its sides.
 */

/**
 * A photograph as it is drawn on, which takes longer to make than a drawing.
 *
 * @param {Photograph} photograph
 * @returns {Photograph}
 */
export function small({ pixels, placed }) {
  const factor = Math.min(LONGEST / Math.max(pixels.width, pixels.height), 1);
  const [width, height] = [pixels.width, pixels.height].map((side) => Math.max(1, Math.round(side * factor)));
  return { pixels: factor < 1 ? resample(pixels, [width, height], "lanczos") : pixels, placed };
}

/**
 * The panels of a row.
 *
 * @param {Explanation} explanation
 * @param {number} row
 * @param {Photograph} photograph As `small` gives it.
 * @returns {Panel[]}
 */
export function panelsOf(explanation, row, photograph) {
  const { metadata, inputGradient } = explanation;
  const panels = [mapPanel(rowOf(explanation.compute("grad-cam"), row), photograph)];
  if (!inputGradient) return panels;
  const signed = (/** @type {string} */ title, /** @type {Values} */ values) =>
    panels.push(signedPanel(title, rowOf(values, row), photograph, metadata));
  if (metadata.input_gradient === "guided") {
    signed("Guided backpropagation", inputGradient);
    signed("Guided Grad-CAM", explanation.compute("guided-grad-cam"));
  } else signed(`Gradient at the input (${metadata.input_gradient})`, inputGradient);
  return panels;
}

/** @param {Values} values @param {number} row @returns {Values} */
function rowOf({ data, dims }, row) {
  const size = data.length / dims[0];
  return { data: data.subarray(row * size, (row + 1) * size), dims: dims.slice(1) };
}

/** @param {Values} map @param {Photograph} photograph @returns {Panel} */
function mapPanel({ data, dims }, { pixels, placed }) {
  const levels = { data: mapToDraw(data), width: dims[1], height: dims[0] };
  const drawn = overlay(pixels, levels, boxOn(placed, [pixels.width, pixels.height]), true);
  return { title: "Grad-CAM", isMap: true, ...opaque(drawn), box: [0, 0, 1, 1] };
}

/**
 * @param {string} title
 * @param {Values} values
 * @param {Photograph} photograph
 * @param {import("../src/metadata.js").Metadata} metadata
 * @returns {Panel}
 */
function signedPanel(title, { data }, { placed }, metadata) {
  const { width, height } = metadata.image;
  const drawn = { data: imageToDraw(asRgb(data, metadata)), width, height };
  return { title, isMap: false, ...opaque(drawn), box: boxOn(placed, [1, 1]) };
}

/** @param {Pixels} drawing RGB. */
function opaque({ data, width, height }) {
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    rgba[to] = data[from];
    rgba[to + 1] = data[from + 1];
    rgba[to + 2] = data[from + 2];
  }
  return { rgba, width, height };
}
