/** Draws a map on a photograph, or a signed image at its position, with the pixels of Python's pictures. */

import { colour } from "./colours.js";
import { clip, listOf, max, min, rint } from "./numbers.js";
import { blend, greyOf } from "./pixels.js";
import { resample } from "./resample.js";

/**
 * @typedef {import("./resample.js").Pixels} Pixels
 * @typedef {import("./geometry.js").Box} Box
 * @typedef {import("./geometry.js").Size} Size
 */

// Values below FAINTEST of the map's range stay invisible, so that they do not tint the whole crop. From FULL on, the
// colour has its full opacity, through which the photograph's texture still shows.
const [FAINTEST, FULL, OPACITY] = [0.1, 0.75, 0.7];

// The photograph turns grey below the colour, and loses contrast around a middle grey. Both come sooner than the colour.
const [GREY_SOONER, MIDDLE, CONTRAST] = [1.5, 140, 0.6];

// The crop's outline is white on its inner side and dark on its outer side, so that it shows on any photograph.
const [WHITE, DARK, OUTLINE] = [255, 28, 1 / 600];

// The colour, the opacity and the greying for each of the 256 levels of an 8-bit map, and each grey with less contrast.
const LEVELS = listOf(256, Number);
const COLOURS = LEVELS.map((level) => colour(level / 255));
const OPACITIES = LEVELS.map((level) => rint(255 * OPACITY * smooth(level / 255)));
const GREYINGS = LEVELS.map((level) => rint(255 * min(GREY_SOONER * smooth(level / 255), 1)));
const MUTED = LEVELS.map((level) => rint((level - MIDDLE) * CONTRAST + MIDDLE));

/**
 * Draws a map on a photograph: coloured where the map is high, and unchanged where it is near zero.
 *
 * @param {Pixels} photograph RGB.
 * @param {Pixels} map Its levels from 0 to 255, in grey.
 * @param {Box} box The map's position on the photograph; it may extend beyond the photograph.
 * @param {boolean} outline Whether a thin line marks the sides of the box that are inside the photograph.
 * @returns {Pixels} A new image of the photograph's size.
 */
export function overlay(photograph, map, box, outline) {
  const drawn = { ...photograph, data: photograph.data.slice() };
  fitInto(drawn, map, box, (at, levels, from) => paint(drawn.data, at, levels[from]));
  if (outline) drawOutline(drawn, box);
  return drawn;
}

/**
 * Draws a signed image, such as guided backpropagation, at its position on the photograph.
 *
 * @param {Pixels} image With the middle for zero.
 * @param {Size} size The drawing's size.
 * @param {Box} box The image's position on the drawing.
 * @returns {Pixels} The drawing, grey outside the box.
 */
export function signed(image, [width, height], box) {
  const nothing = 128;
  const drawn = { data: new Uint8Array(width * height * 3).fill(nothing), width, height };
  fitInto(drawn, image, box, (at, pixels, from) => {
    for (let channel = 0; channel < 3; channel++) drawn.data[at + channel] = pixels[from + channel];
  });
  return drawn;
}

/** @param {number} value */
function smooth(value) {
  const position = clip((value - FAINTEST) / (FULL - FAINTEST), 0, 1);
  return position ** 2 * (3 - 2 * position);
}

/**
 * Draws a level of an 8-bit map over a pixel.
 *
 * @param {Uint8Array | Uint8ClampedArray} data RGB.
 * @param {number} at The index of the pixel's red.
 * @param {number} level
 */
function paint(data, at, level) {
  if (!GREYINGS[level]) return;
  const grey = MUTED[greyOf(data, at)];
  for (let channel = 0; channel < 3; channel++) {
    const muted = blend(data[at + channel], grey, GREYINGS[level]);
    data[at + channel] = blend(muted, COLOURS[level][channel], OPACITIES[level]);
  }
}

/**
 * Resamples an image to a box on a canvas, and draws each pixel of them that is on the canvas.
 *
 * @param {Pixels} canvas
 * @param {Pixels} image
 * @param {Box} box With fractions; it may extend beyond the canvas.
 * @param {(at: number, pixels: Pixels["data"], from: number) => void} put Gets the index on the canvas, and the pixel.
 */
function fitInto(canvas, image, box, put) {
  const [left, right, start, end] = overlap(box[0], box[2], canvas.width, image.width);
  const [top, bottom, above, below] = overlap(box[1], box[3], canvas.height, image.height);
  const { data } = resample(image, [right - left, bottom - top], "bicubic", { box: [start, above, end, below] });
  let from = 0;
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++, from += 3) put((row * canvas.width + column) * 3, data, from);
  }
}

/**
 * Along one axis: the canvas's whole pixels from start to end, and the part of the image that lies on them.
 *
 * @param {number} start
 * @param {number} end
 * @param {number} canvas
 * @param {number} image
 */
function overlap(start, end, canvas, image) {
  const first = clip(rint(start), 0, canvas - 1);
  const last = max(min(rint(end), canvas), first + 1);
  const ratio = image / (end - start);
  return [first, last, ...[first, last].map((edge) => clip((edge - start) * ratio, 0, image))];
}

/**
 * Draws the sides of a box that are inside an image: white along their inside, dark along their outside.
 *
 * @param {Pixels} image
 * @param {Box} box
 */
function drawOutline({ data, width, height }, box) {
  const [left, top, right, bottom] = box.map(rint);
  const thick = max(1, rint(max(width, height) * OUTLINE));
  for (const [outer, ink] of [
    [thick, DARK],
    [0, WHITE],
  ]) {
    const inner = thick - outer;
    for (let y = max(top - outer, 0); y < min(bottom + outer, height); y++) {
      for (let x = max(left - outer, 0); x < min(right + outer, width); x++) {
        const isAside = (left > 0 && x < left + inner) || (right < width && x >= right - inner);
        const isAbove = (top > 0 && y < top + inner) || (bottom < height && y >= bottom - inner);
        if (isAside || isAbove) data.fill(ink, (y * width + x) * 3, (y * width + x + 1) * 3);
      }
    }
  }
}
