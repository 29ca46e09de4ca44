/** Draws a row of an explanation on a canvas, or as pixels where there is no canvas. */

import { imageToDraw, mapToDraw } from "./display.js";
import { PictureError } from "./errors.js";
import { boxOn } from "./geometry.js";
import { floor, max, min, rint } from "./numbers.js";
import { overlay, signed } from "./overlay.js";
import { asRgb } from "./preprocess.js";
import { resample } from "./resample.js";

/**
 * @typedef {import("./resample.js").Pixels} Pixels
 * @typedef {import("./geometry.js").Size} Size
 *
 * @typedef {object} Photograph An image that was explained, and how it was resized and cropped.
 * @property {Pixels} pixels RGB.
 * @property {import("./geometry.js").Geometry} placed
 */

/**
 * Draws a map over the photograph, or a signed image at its place on the photograph.
 *
 * @param {import("./cam.js").Values} values A map [h, w], or an image in the input's layout.
 * @param {Photograph} photograph
 * @param {import("./metadata.js").Metadata} metadata
 * @param {{isMap: boolean, outline: boolean, longest: number}} options
 * @returns {Pixels}
 */
export function draw({ data, dims }, { pixels, placed }, metadata, { isMap, outline, longest }) {
  const factor = min(longest / max(pixels.width, pixels.height), 1);
  const size = /** @type {Size} */ ([pixels.width, pixels.height].map((side) => max(1, rint(side * factor))));
  const box = boxOn(placed, size);
  if (!isMap) {
    const { width, height } = metadata.image;
    return signed({ data: imageToDraw(asRgb(data, metadata)), width, height }, size, box);
  }
  return overlay(
    factor < 1 ? resample(pixels, size, "lanczos") : pixels,
    { data: mapToDraw(data), width: dims[1], height: dims[0] },
    box,
    outline,
  );
}

/**
 * Puts a drawing on a canvas, which gets its size.
 *
 * @param {Pixels} drawing RGB.
 * @param {HTMLCanvasElement | OffscreenCanvas} canvas
 */
export function put({ data, width, height }, canvas) {
  Object.assign(canvas, { width, height });
  const context = /** @type {CanvasRenderingContext2D | null} */ (canvas.getContext("2d"));
  if (!context) throw new PictureError("the canvas has another context than '2d'; give a new one");
  const image = context.createImageData(width, height);
  image.data.fill(255);
  data.forEach((value, at) => (image.data[at + floor(at / 3)] = value));
  context.putImageData(image, 0, 0);
}
