/**
 * Resize and centre crop: their sizes, and the position of the crop on the original image.
 *
 * The rounding is torchvision's (`Resize` and `CenterCrop`), since most models were trained with it.
 */

import { pair } from "./metadata.js";
import { floor, max, min, rint } from "./numbers.js";

/**
 * @typedef {[number, number]} Size (width, height)
 * @typedef {[number, number, number, number]} Box (left, top, right, bottom)
 *
 * @typedef {object} Geometry
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
export function geometry(photograph, { resize, crop, letterbox }) {
  const resized =
    letterbox != null ? inside(photograph, pair(/** @type {number} */ (crop))) : resizedSize(photograph, resize);
  return { resized, crop: cropBox(resized, crop) };
}

/**
 * The crop on the original image, in pixels of a drawing with fractions.
 *
 * @param {Geometry} placed
 * @param {Size} size Of the drawing.
 * @returns {Box}
 */
export const boxOn = ({ resized, crop }, size) =>
  /** @type {Box} */ (crop.map((edge, index) => edge * (size[index % 2] / resized[index % 2])));

/**
 * The largest size of the whole photograph that fits into a crop, rounded as YOLO networks do.
 *
 * @param {Size} photograph
 * @param {[number, number]} crop (height, width)
 */
function inside(photograph, [height, width]) {
  const ratio = min(height / photograph[1], width / photograph[0]);
  return /** @type {Size} */ (photograph.map((side) => max(1, rint(side * ratio))));
}

/**
 * @param {Size} photograph
 * @param {number | [number, number] | null} resize
 * @returns {Size}
 */
function resizedSize(photograph, resize) {
  if (resize === null) return photograph;
  if (typeof resize !== "number") return [resize[1], resize[0]];
  // The longer side is cut off to whole pixels, not rounded. A very long image keeps at least one.
  return /** @type {Size} */ (photograph.map((side) => max(1, floor((resize * side) / min(...photograph)))));
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
const cropStart = (length, crop) => (length >= crop ? rint((length - crop) / 2) : -floor((crop - length) / 2));
