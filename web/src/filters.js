/** Pillow's resampling filters, as functions of the distance in pixels, and the weights that they give. */

// The weights are integers with this many binary digits after the point, as in Pillow.
export const PRECISION = 22;

/** @type {Record<string, {support: number, weight: (x: number) => number}>} */
const FILTERS = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(1 - Math.abs(x), 0) },
  bicubic: { support: 2, weight: (x) => cubic(Math.abs(x)) },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** @typedef {{first: number, weights: Int32Array}} Taps The first pixel that counts, and the weights from there on. */

/**
 * The weights of an axis's pixels for each pixel of the resized axis.
 *
 * @param {string} filter `box`, `bilinear`, `bicubic` or `lanczos`.
 * @param {number} length The number of pixels on the axis.
 * @param {[number, number]} part The part of the axis that is resized.
 * @param {number} resized The number of pixels that it becomes.
 * @param {[number, number]} window The resized pixels that are wanted.
 * @returns {Taps[]}
 */
export function taps(filter, length, part, resized, window) {
  const { support, weight } = FILTERS[filter];
  // In single precision, in which Pillow keeps the part.
  const [start, end] = [Math.fround(part[0]), Math.fround(part[1])];
  const scale = Math.fround(end - start) / resized;
  const spread = Math.max(scale, 1); // the filter grows where pixels shrink, which prevents aliasing
  const reach = support * spread;
  const found = [];
  for (let pixel = window[0]; pixel < window[1]; pixel++) {
    const centre = start + (pixel + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - reach + 0.5), 0);
    const last = Math.min(Math.trunc(centre + reach + 0.5), length);
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
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return Int32Array.from(weights, (weight) => {
    const exact = (sum ? weight / sum : weight) * 2 ** PRECISION;
    return Math.trunc(exact < 0 ? exact - 0.5 : exact + 0.5);
  });
}

/**
 * Cubic convolution with a = -0.5.
 *
 * @param {number} x Not negative.
 */
function cubic(x) {
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** @param {number} x */
function sinc(x) {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}
