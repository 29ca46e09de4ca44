/** Scales an explanation's arrays for drawing, in 8 bits. */

import { floor, sum } from "./numbers.js";

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
  const levels = new Uint8ClampedArray(values.length * 3);
  for (let at = 0; at < levels.length; at++) levels[at] = ((values[floor(at / 3)] - low) / extent) * 255;
  return levels;
}

/**
 * Scales a signed image: zero mean and unit variance, times 0.1, plus 0.5; then to 0 … 255, and clipped.
 *
 * @param {Float32Array} values
 * @returns {Uint8ClampedArray} The middle everywhere for a constant image.
 */
export function imageToDraw(values) {
  const deviation = 0.1; // of a drawn image, whose values are in [0, 1]
  const zero = 0.5;
  const mean = sum(values) / values.length;
  const levels = new Uint8ClampedArray(values.length);
  let squares = 0;
  for (let at = 0; at < values.length; at++) squares += (values[at] - mean) ** 2;
  const factor = deviation / (Math.sqrt(squares / values.length) || 1);
  for (let at = 0; at < values.length; at++) levels[at] = ((values[at] - mean) * factor + zero) * 255;
  return levels;
}
