/**
 * Resizes 8-bit images as Pillow does, to the last bit: one axis after the other, with integer weights.
 *
 * A browser's canvas has other filters, and a network answers differently to what they make of a photograph.
 */

import { PRECISION, taps } from "./filters.js";
import { listOf, max, min } from "./numbers.js";

/**
 * @typedef {object} Pixels An image of 8-bit RGB, row by row.
 * @property {Uint8Array | Uint8ClampedArray} data
 * @property {number} width
 * @property {number} height
 *
 * @typedef {import("./filters.js").Taps} Taps
 * @typedef {{first: number, weights?: Int32Array}} Place Taps, or a pixel that stays as it is.
 * @typedef {import("./geometry.js").Size} Size
 * @typedef {import("./geometry.js").Box} Box
 */

const HALF = 1 << (PRECISION - 1); // so that dropping the digits after the point rounds

/** @type {(first: number) => Place} */
const asItIs = (first) => ({ first });

/**
 * Resizes an image, and gives a part of the result.
 *
 * @param {Pixels} image
 * @param {Size} size Of the whole result.
 * @param {string} filter `nearest`, `box`, `bilinear`, `bicubic` or `lanczos`.
 * @param {object} [options]
 * @param {Box} [options.box] The part of the image that is resized, with fractions; all of it by default.
 * @param {Box} [options.window] The part of the result that is wanted, in whole pixels; all of it by default.
 * @returns {Pixels}
 */
export function resample(
  image,
  size,
  filter,
  { box = [0, 0, image.width, image.height], window = [0, 0, ...size] } = {},
) {
  const across = taps(filter, image.width, [box[0], box[2]], size[0], [window[0], window[2]]);
  const down = taps(filter, image.height, [box[1], box[3]], size[1], [window[1], window[3]]);
  // Pillow 13 filters columns first by this rule, and earlier versions never do. It shows where a filter overshoots.
  const isDownFirst = size[1] < image.height && image.height - size[1] > 2 * (image.width - size[0]);
  return isDownFirst
    ? filtered(filtered(image, listOf(image.width, asItIs), down), across, listOf(down.length, asItIs))
    : filtered(filtered(image, across, listOf(image.height, asItIs)), listOf(across.length, asItIs), down);
}

/**
 * A part of an image; grey outside of it.
 *
 * @param {Pixels} image
 * @param {Box} box In whole pixels.
 * @param {number | null} [grey] The default is black.
 * @returns {Pixels}
 */
export function crop(image, [left, top, right, bottom], grey) {
  const [width, height] = [right - left, bottom - top];
  const data = new Uint8Array(width * height * 3).fill(/** @type {number} */ (grey));
  const [start, end] = [max(left, 0), min(right, image.width)];
  for (let row = max(top, 0); row < min(bottom, image.height); row++) {
    const from = row * image.width;
    const pixels = image.data.subarray((from + start) * 3, (from + end) * 3);
    data.set(pixels, ((row - top) * width + start - left) * 3);
  }
  return { data, width, height };
}

/**
 * Filters an image along the axis whose places have weights.
 *
 * @param {Pixels} image
 * @param {Place[]} columns
 * @param {Place[]} rows
 * @returns {Pixels}
 */
function filtered({ data, width }, columns, rows) {
  const stride = columns[0].weights ? 3 : width * 3;
  const pixels = new Uint8ClampedArray(columns.length * rows.length * 3);
  let to = 0;
  for (const row of rows) {
    for (const column of columns) {
      const weights = /** @type {Int32Array} */ (column.weights ?? row.weights);
      let at = (row.first * width + column.first) * 3;
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (let tap = 0; tap < weights.length; tap++, at += stride) {
        red += data[at] * weights[tap];
        green += data[at + 1] * weights[tap];
        blue += data[at + 2] * weights[tap];
      }
      pixels[to++] = red >> PRECISION;
      pixels[to++] = green >> PRECISION;
      pixels[to++] = blue >> PRECISION;
    }
  }
  return { data: pixels, width: columns.length, height: rows.length };
}
