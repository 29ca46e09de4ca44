/** Pillow's resampling filters, as functions of the distance in pixels, and the weights that they give. */

import { floor, fround, listOf, max, min, sum, trunc } from "./numbers.js";

// The weights are integers with this many binary digits after the point, as in Pillow.
export const PRECISION = 22;

/**
 * By the names in the metadata: the distance up to which a filter reaches, and its weight at a distance. The nearest
 * pixel needs no weights.
 *
 * @type {Record<string, [number, (x: number) => number]>}
 */
export const FILTERS = {
  nearest: [0, Number],
  box: [0.5, (x) => Number(x > -0.5 && x <= 0.5)],
  bilinear: [1, (x) => max(1 - Math.abs(x), 0)],
  bicubic: [2, (x) => cubic(Math.abs(x))],
  lanczos: [3, (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0)],
};

/** @typedef {{first: number, weights: Int32Array}} Taps The first pixel that counts, and the weights from there on. */

/**
 * The pixel that is taken for each pixel of the resized axis. Positions are added up, as in Pillow, whose rounding this
 * repeats.
 *
 * @param {number} length
 * @param {[number, number]} part
 * @param {number} resized
 * @param {[number, number]} window
 * @returns {Taps[]} As in `taps`.
 */
function nearest(length, [start, end], resized, window) {
  const step = (end - start) / resized;
  let position = start - step / 2;
  const found = listOf(resized, () => min(floor((position += step)), length - 1));
  return found.slice(...window).map((first) => ({ first, weights: Int32Array.of(1 << PRECISION) }));
}

/**
 * The weights of an axis's pixels for each pixel of the resized axis.
 *
 * @param {string} filter `nearest`, `box`, `bilinear`, `bicubic` or `lanczos`.
 * @param {number} length The number of pixels on the axis.
 * @param {[number, number]} part The part of the axis that is resized.
 * @param {number} resized The number of pixels that it becomes.
 * @param {[number, number]} window The resized pixels that are wanted.
 * @returns {Taps[]}
 */
export function taps(filter, length, part, resized, window) {
  if (filter === "nearest") return nearest(length, part, resized, window);
  const [support, weight] = FILTERS[filter];
  // In single precision, in which Pillow keeps the part.
  const [start, end] = part.map(fround);
  const scale = fround(end - start) / resized;
  const spread = max(scale, 1); // the filter grows where pixels shrink, which prevents aliasing
  const reach = support * spread;
  const found = [];
  for (let pixel = window[0]; pixel < window[1]; pixel++) {
    const centre = start + (pixel + 0.5) * scale;
    const first = max(trunc(centre - reach + 0.5), 0);
    const last = min(trunc(centre + reach + 0.5), length);
    const weights = [];
    for (let at = first; at < last; at++) weights.push(weight((at - centre + 0.5) * (1 / spread)));
    found.push({ first, weights: fixedPoint(weights) });
  }
  return found;
}

/**
 * Scales weights to a sum of 1, and rounds them.
 *
 * @param {number[]} weights
 */
function fixedPoint(weights) {
  const total = sum(weights);
  return Int32Array.from(weights, (weight) => {
    const exact = (total ? weight / total : weight) * 2 ** PRECISION;
    return exact + (exact < 0 ? -0.5 : 0.5); // the array drops the fraction
  });
}

/**
 * Cubic convolution with a = -0.5.
 *
 * @param {number} x Not negative.
 */
const cubic = (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((x - 5) * x + 8) * x * -0.5 + 2 : 0);

/** @param {number} x */
const sinc = (x) => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));
