/**
 * The colour map: matplotlib's plasma (by Nathaniel Smith and Stéfan van der Walt, released under CC0).
 *
 * It is perceptually uniform and rises in lightness, so it works in greyscale prints and for colour-blind readers.
 */

import { clip, floor, min, rint } from "./numbers.js";

// Ten evenly spaced samples, with linear interpolation between them, as in Python.
const PLASMA = [
  [13, 8, 135],
  [70, 3, 159],
  [114, 1, 168],
  [156, 23, 158],
  [189, 55, 134],
  [216, 87, 107],
  [237, 121, 83],
  [251, 159, 58],
  [253, 202, 38],
  [240, 249, 33],
];

/**
 * Maps a value in [0, 1] to a colour.
 *
 * @param {number} value
 * @returns {[number, number, number]} RGB from 0 to 255.
 */
export function colour(value) {
  const position = clip(value, 0, 1) * (PLASMA.length - 1);
  const lower = min(floor(position), PLASMA.length - 2);
  const fraction = position - lower;
  const mixed = PLASMA[lower].map((low, channel) => rint(low * (1 - fraction) + PLASMA[lower + 1][channel] * fraction));
  return /** @type {[number, number, number]} */ (mixed);
}
