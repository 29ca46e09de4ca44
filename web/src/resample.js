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
  if (isDownFirst(image, size)) {
    const columns = pixelsOf(across);
    return filtered(filtered(image, columns, down), shifted(across, columns[0].first), listOf(down.length, asItIs));
  }
  const rows = pixelsOf(down);
  return filtered(filtered(image, across, rows), listOf(across.length, asItIs), shifted(down, rows[0].first));
}

/**
 * A part of an image; black outside of it.
 *
 * @param {Pixels} image
 * @param {Box} box In whole pixels.
 * @returns {Pixels}
 */
export function crop(image, [left, top, right, bottom]) {
  const [width, height] = [right - left, bottom - top];
  const data = new Uint8Array(width * height * 3);
  const [start, end] = [max(left, 0), min(right, image.width)];
  for (let row = max(top, 0); row < min(bottom, image.height); row++) {
    const from = row * image.width;
    const pixels = image.data.subarray((from + start) * 3, (from + end) * 3);
    data.set(pixels, ((row - top) * width + start - left) * 3);
  }
  return { data, width, height };
}

/**
 * Whether columns are filtered before rows, as Pillow 13 does by this rule; earlier versions never do.
 * The order shows where a filter overshoots and is clipped.
 *
 * @param {Pixels} image
 * @param {Size} size
 */
function isDownFirst(image, [width, height]) {
  return height < image.height && image.height - height > 2 * (image.width - width);
}

/**
 * The pixels of an axis that count for ascending taps.
 *
 * @param {Taps[]} taps
 * @returns {Place[]}
 */
function pixelsOf(taps) {
  const [{ first }, last] = [taps[0], taps[taps.length - 1]];
  return listOf(last.first + last.weights.length - first, (index) => ({ first: first + index }));
}

/**
 * Taps for an axis without its first pixels.
 *
 * @param {Taps[]} taps
 * @param {number} dropped
 */
function shifted(taps, dropped) {
  return taps.map((tap) => ({ ...tap, first: tap.first - dropped }));
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
      let [red, green, blue] = [HALF, HALF, HALF];
      for (const weight of weights) {
        red += data[at] * weight;
        green += data[at + 1] * weight;
        blue += data[at + 2] * weight;
        at += stride;
      }
      pixels[to++] = red >> PRECISION;
      pixels[to++] = green >> PRECISION;
      pixels[to++] = blue >> PRECISION;
    }
  }
  return { data: pixels, width: columns.length, height: rows.length };
}
