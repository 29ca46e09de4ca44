/**
 * Resizes 8-bit images as Pillow does, to the last bit: one axis after the other, with integer weights.
 *
 * A browser's canvas has other filters, and a network answers differently to what they make of a photograph.
 */

import { PRECISION, taps } from "./filters.js";

/**
 * @typedef {object} Pixels An image of 8-bit pixels, row by row.
 * @property {Uint8Array | Uint8ClampedArray} data
 * @property {number} width
 * @property {number} height
 * @property {number} channels
 *
 * @typedef {import("./filters.js").Taps} Taps
 * @typedef {import("./geometry.js").Size} Size
 * @typedef {import("./geometry.js").Box} Box
 */

const HALF = 1 << (PRECISION - 1);

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
export function resample(image, size, filter, { box = whole(image.width, image.height), window = whole(...size) } = {}) {
  const [left, top, right, bottom] = window;
  if (filter === "nearest") {
    const across = nearest([box[0], box[2]], size[0], image.width).slice(left, right);
    return pick(image, across, nearest([box[1], box[3]], size[1], image.height).slice(top, bottom));
  }
  const across = taps(filter, image.width, [box[0], box[2]], size[0], [left, right]);
  const down = taps(filter, image.height, [box[1], box[3]], size[1], [top, bottom]);
  if (isDownFirst(image, size)) {
    const columns = span(across);
    return filterAcross(filterDown(image, down, columns), shifted(across, columns[0]), [0, down.length]);
  }
  const rows = span(down);
  return filterDown(filterAcross(image, across, rows), shifted(down, rows[0]), [0, across.length]);
}

/**
 * A part of an image; black outside of it.
 *
 * @param {Pixels} image
 * @param {Box} box In whole pixels.
 * @returns {Pixels}
 */
export function crop(image, [left, top, right, bottom]) {
  const { channels } = image;
  const [width, height] = [right - left, bottom - top];
  const data = new Uint8Array(width * height * channels);
  const [start, end] = [Math.max(left, 0), Math.min(right, image.width)];
  for (let row = Math.max(top, 0); row < Math.min(bottom, image.height); row++) {
    const from = row * image.width;
    const pixels = image.data.subarray((from + start) * channels, (from + end) * channels);
    data.set(pixels, ((row - top) * width + start - left) * channels);
  }
  return { data, width, height, channels };
}

/**
 * @param {number} width
 * @param {number} height
 * @returns {Box}
 */
function whole(width, height) {
  return [0, 0, width, height];
}

/**
 * Whether columns are filtered before rows, as Pillow 13 does where that leaves fewer pixels; earlier versions never do.
 * The order shows where a filter overshoots and is clipped.
 *
 * @param {Pixels} image
 * @param {Size} size
 */
function isDownFirst(image, [width, height]) {
  return height < image.height && image.height - height > 2 * (image.width - width);
}

/**
 * The pixels of an axis that count: from the first to the last of ascending taps.
 *
 * @param {Taps[]} taps
 * @returns {[number, number]}
 */
function span(taps) {
  const last = taps[taps.length - 1];
  return [taps[0].first, last.first + last.weights.length];
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
 * The source pixel of each pixel; positions are added up, as in Pillow, whose rounding this repeats.
 *
 * @param {[number, number]} part
 * @param {number} resized
 * @param {number} length
 */
function nearest([start, end], resized, length) {
  const step = (end - start) / resized;
  const found = new Int32Array(resized);
  for (let index = 0, position = start + step * 0.5; index < resized; index++, position += step) {
    found[index] = Math.min(Math.floor(position), length - 1);
  }
  return found;
}

/**
 * @param {Pixels} image
 * @param {Int32Array} across
 * @param {Int32Array} down
 * @returns {Pixels}
 */
function pick(image, across, down) {
  const { channels } = image;
  const data = new Uint8Array(across.length * down.length * channels);
  let to = 0;
  for (const row of down) {
    for (const column of across) {
      const from = (row * image.width + column) * channels;
      for (let channel = 0; channel < channels; channel++) data[to++] = image.data[from + channel];
    }
  }
  return { data, width: across.length, height: down.length, channels };
}

/**
 * Filters along each of some rows.
 *
 * @param {Pixels} image
 * @param {Taps[]} across
 * @param {[number, number]} rows
 * @returns {Pixels}
 */
function filterAcross({ data, width, channels }, across, [first, last]) {
  const filtered = new Uint8ClampedArray((last - first) * across.length * channels);
  let to = 0;
  for (let row = first; row < last; row++) {
    for (const tap of across) {
      const from = (row * width + tap.first) * channels;
      for (let channel = 0; channel < channels; channel++) filtered[to++] = sum(data, from + channel, channels, tap.weights);
    }
  }
  return { data: filtered, width: across.length, height: last - first, channels };
}

/**
 * Filters along each of some columns.
 *
 * @param {Pixels} image
 * @param {Taps[]} down
 * @param {[number, number]} columns
 * @returns {Pixels}
 */
function filterDown({ data, width, channels }, down, [first, last]) {
  const stride = width * channels;
  const filtered = new Uint8ClampedArray(down.length * (last - first) * channels);
  let to = 0;
  for (const tap of down) {
    const row = tap.first * stride;
    for (let at = first * channels; at < last * channels; at++) filtered[to++] = sum(data, row + at, stride, tap.weights);
  }
  return { data: filtered, width: last - first, height: down.length, channels };
}

/**
 * A weighted sum of pixels, rounded; the array that takes it clips it to 0 … 255.
 *
 * @param {Uint8Array | Uint8ClampedArray} data
 * @param {number} from
 * @param {number} stride
 * @param {Int32Array} weights
 */
function sum(data, from, stride, weights) {
  let total = HALF;
  for (let index = 0, at = from; index < weights.length; index++, at += stride) total += data[at] * weights[index];
  return total >> PRECISION;
}
