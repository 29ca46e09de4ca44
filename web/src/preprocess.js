/** Turns an image into the model's input, by the preprocessing in the metadata, and back for drawing. */

import { ModelError } from "./errors.js";
import { geometry } from "./geometry.js";
import { imageShape, product } from "./metadata.js";
import { fround, listOf, max, min } from "./numbers.js";
import { greyOf } from "./pixels.js";
import { crop, resample } from "./resample.js";

/**
 * @typedef {import("./metadata.js").Metadata} Metadata
 * @typedef {import("./metadata.js").ImageInput} ImageInput
 * @typedef {import("./metadata.js").Preprocessing} Preprocessing
 * @typedef {import("./resample.js").Pixels} Pixels
 * @typedef {import("./geometry.js").Geometry} Geometry
 * @typedef {import("./geometry.js").Box} Box
 */

/**
 * Turns images into the model's input: resize, centre crop, `(pixel * scale - mean) / std`.
 *
 * @param {Pixels[]} images RGB.
 * @param {Metadata} metadata
 * @returns {{data: Float32Array, dims: number[], photographs: import("./draw.js").Photograph[]}} The input, and the
 *   position of the model's crop on each image.
 * @throws {ModelError} The model has no preprocessing, or its preprocessing does not give the input's size.
 */
export function preprocess(images, metadata) {
  const steps = metadata.preprocessing;
  if (steps === null) {
    throw new ModelError(
      "the model was exported without preprocessing, so it cannot take images; export it with preprocessing, or give a Tensor",
    );
  }
  const shape = imageShape(metadata.image);
  const data = new Float32Array(images.length * product(shape));
  const photographs = images.map((pixels, row) => {
    const placed = placedImage(pixels, metadata.image, steps);
    fill(data, row * product(shape), seen(pixels, placed, steps), metadata.image, steps);
    return { pixels, placed };
  });
  return { data, dims: [images.length, ...shape], photographs };
}

/**
 * Brings a row from the model's layout and channel order to RGB, [H, W, 3].
 *
 * @param {Float32Array} row
 * @param {Metadata} metadata
 */
export function asRgb(row, { image, preprocessing }) {
  const source = channelOrder(image, preprocessing);
  const rgb = new Float32Array(image.width * image.height * 3);
  for (let channel = 0; channel < 3; channel++) {
    const from = source[channel % image.channels];
    for (let at = channel, pixel = 0; at < rgb.length; at += 3) rgb[at] = row[position(image, pixel++, from)];
  }
  return rgb;
}

/**
 * The model's channel for each channel of the drawing: reversed if the model takes BGR.
 *
 * @param {ImageInput} image
 * @param {Preprocessing | null} steps
 */
function channelOrder({ channels }, steps) {
  const order = listOf(channels, Number);
  return steps?.channel_order === "BGR" ? order.reverse() : order;
}

/**
 * The index of a pixel's channel in a row of the input.
 *
 * @param {ImageInput} image
 * @param {number} pixel
 * @param {number} channel
 */
const position = ({ layout, channels, width, height }, pixel, channel) =>
  layout[1] === "C" ? channel * width * height + pixel : pixel * channels + channel;

/**
 * @param {Pixels} image
 * @param {ImageInput} input
 * @param {Preprocessing} steps
 */
function placedImage(image, input, steps) {
  const placed = geometry([image.width, image.height], steps);
  const [left, top, right, bottom] = placed.crop;
  if (right - left === input.width && bottom - top === input.height) return placed;
  throw new ModelError(
    `the model takes ${input.width} by ${input.height} pixels, but its preprocessing makes ${right - left} by ` +
      `${bottom - top} of this image; export it again with a crop of the input's size`,
  );
}

/**
 * Resizes and crops; only the part that the crop keeps is resized.
 *
 * @param {Pixels} image
 * @param {Geometry} placed
 * @param {Preprocessing} steps
 */
function seen(image, { resized, crop: box }, { interpolation, letterbox }) {
  const [left, top] = [max(box[0], 0), max(box[1], 0)];
  const window = /** @type {Box} */ ([left, top, min(box[2], resized[0]), min(box[3], resized[1])]);
  const part = resample(image, resized, interpolation, { window });
  return crop(part, [box[0] - left, box[1] - top, box[2] - left, box[3] - top], letterbox);
}

/**
 * Writes an image into the input, from index `start` on.
 *
 * @param {Float32Array} data
 * @param {number} start
 * @param {Pixels} square RGB.
 * @param {ImageInput} input
 * @param {Preprocessing} steps
 */
function fill(data, start, { data: pixels, width, height }, input, steps) {
  const isGrey = input.channels === 1 || steps.channel_order === "L";
  const source = channelOrder(input, steps);
  for (let channel = 0; channel < input.channels; channel++) {
    const values = valuesOf(channel, steps);
    for (let pixel = 0; pixel < width * height; pixel++) {
      const value = isGrey ? greyOf(pixels, pixel * 3) : pixels[pixel * 3 + source[channel]];
      data[start + position(input, pixel, channel)] = values[value];
    }
  }
}

/**
 * The input's value for each of the 256 values of a pixel, computed in single precision as in Python.
 *
 * @param {number} channel
 * @param {Preprocessing} steps
 */
const valuesOf = (channel, { scale, mean, std }) =>
  listOf(256, (pixel) => fround(fround(pixel * fround(scale)) - fround(mean[channel])) / fround(std[channel]));
