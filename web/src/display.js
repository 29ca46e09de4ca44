/** Scales an explanation's arrays for drawing: in [0, 1]. */

import { clip, sum } from "./numbers.js";

const DEVIATION = 0.1; // of a drawn image
const ZERO = 0.5;

/**
 * Scales a map to [0, 1].
 *
 * @param {Float32Array} values
 * @returns {Float64Array} Zeros for a constant map.
 */
export function mapToDraw(values) {
  const sorted = values.slice().sort();
  const extent = sorted[sorted.length - 1] - sorted[0];
  return Float64Array.from(values, (value) => (extent > 0 ? (value - sorted[0]) / extent : 0));
}

/**
 * Scales a signed image: zero mean and unit variance, times 0.1, plus 0.5, clipped.
 *
 * @param {Float32Array} values
 * @returns {Float64Array} 0.5 everywhere for a constant image.
 */
export function imageToDraw(values) {
  const mean = sum(values) / values.length;
  const deviation = Math.sqrt(sum(values, (value) => (value - mean) ** 2) / values.length);
  return Float64Array.from(values, (value) => clip(((value - mean) / (deviation || 1)) * DEVIATION + ZERO, 0, 1));
}
