/** Turns what a browser calls an image, or plain pixels, into 8-bit RGB. */

import { PictureError } from "./errors.js";
import { shown } from "./text.js";

/**
 * @typedef {import("./resample.js").Pixels} Pixels
 *
 * @typedef {object} PlainImage 8-bit pixels, row by row, with 1, 3 or 4 channels; `ImageData` is one.
 * @property {Uint8Array | Uint8ClampedArray} data
 * @property {number} width
 * @property {number} height
 *
 * @typedef {PlainImage | ImageBitmap | HTMLCanvasElement | OffscreenCanvas} ImageSource
 */

/**
 * Reads an image as 8-bit RGB, on white if it is transparent.
 *
 * @param {ImageSource} source
 * @returns {Pixels}
 * @throws {PictureError} It is no image, or has no pixels.
 */
export function readPixels(source) {
  const { width, height } = source ?? {};
  if (!(width > 0 && height > 0)) {
    throw new PictureError(
      `an image is ImageData, {data, width, height}, a canvas or an ImageBitmap, not ${shown(source)}`,
    );
  }
  const data = "data" in source ? source.data : drawn(source);
  const channels = data.length / (width * height);
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray) || ![1, 3, 4].includes(channels)) {
    throw new PictureError("an array of pixels must be uint8, [H, W, C] with 1, 3 or 4 channels");
  }
  return { data: toRgb(data, channels), width, height };
}

/**
 * The grey of a pixel, as Pillow computes it (ITU-R 601-2 luma).
 *
 * @param {Uint8Array | Uint8ClampedArray} data RGB.
 * @param {number} at The index of its red.
 */
export const greyOf = (data, at) => (data[at] * 19595 + data[at + 1] * 38470 + data[at + 2] * 7471 + 0x8000) >> 16;

/**
 * One 8-bit value over another by an opacity from 0 to 255, rounded as Pillow rounds.
 *
 * @param {number} under
 * @param {number} over
 * @param {number} opacity
 */
export function blend(under, over, opacity) {
  const sum = under * (255 - opacity) + over * opacity + 128;
  return ((sum >> 8) + sum) >> 8;
}

/**
 * @param {Uint8Array | Uint8ClampedArray} data
 * @param {number} channels 1 is grey, and the fourth is opacity.
 */
function toRgb(data, channels) {
  if (channels === 3) return data;
  const rgb = new Uint8Array((data.length / channels) * 3);
  for (let from = 0, to = 0; from < data.length; from += channels) {
    const opacity = channels > 1 ? data[from + 3] : 255;
    for (let channel = 0; channel < 3; channel++)
      rgb[to++] = blend(255, data[channels > 1 ? from + channel : from], opacity);
  }
  return rgb;
}

/** @param {Exclude<ImageSource, PlainImage>} source */
function drawn(source) {
  try {
    const context = new OffscreenCanvas(source.width, source.height).getContext("2d");
    context?.drawImage(source, 0, 0);
    return /** @type {OffscreenCanvasRenderingContext2D} */ (context).getImageData(0, 0, source.width, source.height)
      .data;
  } catch (error) {
    throw new PictureError(`the image cannot be read: ${shown(error)}`);
  }
}
