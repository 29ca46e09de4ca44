/** Scales an explanation's arrays for drawing, in 8 bits. */

import { floor, listOf, sum } from "./numbers.js";

const DEVIATION = 0.1; // of a drawn image, whose values are in [0, 1]
const ZERO = 0.5;

/**
 * Scales a map to 0 … 255.
 *
 * @param {Float32Array} values
 * @returns {Uint8ClampedArray} Each level three times, as an image in grey; zeros for a constant map.
 */
export function mapToDraw(values) {
  const sorted = values.slice().sort();
  const low = sorted[0];
  const extent = sorted[sorted.length - 1] - low || 1;
  return Uint8ClampedArray.from(listOf(values.length * 3, (at) => ((values[floor(at / 3)] - low) / extent) * 255));
}

/**
 * Scales a signed image: zero mean and unit variance, times 0.1, plus 0.5; then to 0 … 255, and clipped.
 *
 * @param {Float32Array} values
 * @returns {Uint8ClampedArray} The middle everywhere for a constant image.
 */
export function imageToDraw(values) {
  const mean = sum(values) / values.length;
  const deviation = Math.sqrt(sum(values, (value) => (value - mean) ** 2) / values.length) || 1;
  const levels = new Uint8ClampedArray(values.length);
  return levels.map((_, at) => (((values[at] - mean) / deviation) * DEVIATION + ZERO) * 255);
}
