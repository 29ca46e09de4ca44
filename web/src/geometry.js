/**
 * Resize and centre crop: their sizes, and the position of the crop on the original image.
 *
 * The rounding is torchvision's (`Resize` and `CenterCrop`), since most models were trained with it.
 */

import { pair } from "./metadata.js";
import { rint } from "./numbers.js";

/**
 * @typedef {[number, number]} Size (width, height)
 * @typedef {[number, number, number, number]} Box (left, top, right, bottom)
 *
 * @typedef {object} Geometry
 * @property {Size} photograph Before resizing.
 * @property {Size} resized After resizing.
 * @property {Box} crop In the resized image. A box that extends beyond it is padded with black.
 */

/**
 * The sizes of resize and crop for an image.
 *
 * @param {Size} photograph
 * @param {import("./metadata.js").Preprocessing} preprocessing
 * @returns {Geometry}
 */
export function geometry(photograph, { resize, crop }) {
  const resized = resizedSize(photograph, resize);
  return { photograph, resized, crop: cropBox(resized, crop) };
}

/**
 * The crop on the original image, in pixels of a drawing with fractions.
 *
 * @param {Geometry} placed
 * @param {Size} size Of the drawing.
 * @returns {Box}
 */
export function boxOn({ resized, crop }, size) {
  const [across, down] = [size[0] / resized[0], size[1] / resized[1]];
  return [crop[0] * across, crop[1] * down, crop[2] * across, crop[3] * down];
}

/**
 * @param {Size} photograph
 * @param {number | [number, number] | null} resize
 * @returns {Size}
 */
function resizedSize(photograph, resize) {
  if (resize === null) return photograph;
  if (typeof resize !== "number") return [resize[1], resize[0]];
  const [width, height] = photograph;
  // The longer side is cut off to whole pixels, not rounded. A very long image keeps at least one.
  if (width <= height) return [resize, Math.max(1, Math.floor((resize * height) / width))];
  return [Math.max(1, Math.floor((resize * width) / height)), resize];
}

/**
 * @param {Size} resized
 * @param {number | [number, number] | null} crop
 * @returns {Box}
 */
function cropBox(resized, crop) {
  if (crop === null) return [0, 0, ...resized];
  const [height, width] = pair(crop);
  const [left, top] = [cropStart(resized[0], width), cropStart(resized[1], height)];
  return [left, top, left + width, top + height];
}

/**
 * The crop's first pixel along an axis: halves are rounded to even in cropping, and down in padding.
 *
 * @param {number} length
 * @param {number} crop
 */
function cropStart(length, crop) {
  return length >= crop ? rint((length - crop) / 2) : -Math.floor((crop - length) / 2);
}
