/** Draws a map on a photograph, or a signed image at its position on the photograph, to the pixels of Python's pictures. */

import { colour } from "./colours.js";
import { clip, rint } from "./numbers.js";
import { blend, toGrey } from "./pixels.js";
import { crop, resample } from "./resample.js";

/**
 * @typedef {import("./resample.js").Pixels} Pixels
 * @typedef {import("./geometry.js").Box} Box
 * @typedef {import("./geometry.js").Size} Size
 */

// Values below FAINTEST of the map's range stay invisible, so that they do not tint the whole crop. From FULL on, the
// colour has its full opacity, through which the photograph's texture still shows.
const [FAINTEST, FULL, OPACITY] = [0.1, 0.75, 0.7];

// The photograph turns grey below the colour, and loses contrast around a middle grey; both come sooner than the colour.
const [GREY_SOONER, MIDDLE, CONTRAST] = [1.5, 140, 0.6];

// The crop's outline is white on its inner side and dark on its outer side, so that it shows on any photograph.
const [WHITE, DARK, OUTLINE] = [255, 28, 1 / 600];

const NOTHING = 128;

// The colour, the opacity and the greying for each of the 256 levels of an 8-bit map, and each grey with less contrast.
const LEVELS = Array.from({ length: 256 }, (_, level) => level);
const COLOURS = LEVELS.map((level) => colour(level / 255));
const OPACITIES = LEVELS.map((level) => rint(255 * OPACITY * smooth(level / 255)));
const GREYINGS = LEVELS.map((level) => rint(255 * Math.min(GREY_SOONER * smooth(level / 255), 1)));
const MUTED = LEVELS.map((level) => rint((level - MIDDLE) * CONTRAST + MIDDLE));

/**
 * @typedef {object} Drawable Values in [0, 1], row by row.
 * @property {Float64Array} data
 * @property {number} width
 * @property {number} height
 * @property {number} channels
 */

/**
 * Draws a map on a photograph: coloured where the map is high, and unchanged where it is near zero.
 *
 * @param {Pixels} photograph RGB.
 * @param {Drawable} map Of one channel.
 * @param {Box} box The map's position on the photograph; it may extend beyond the photograph.
 * @param {boolean} [outline] Whether a thin line marks the sides of the box that are inside the photograph.
 * @returns {Pixels} A new image of the photograph's size.
 */
export function overlay(photograph, map, box, outline = true) {
  const { part, target } = fitInto(map, box, [photograph.width, photograph.height]);
  const drawn = { ...photograph, data: photograph.data.slice() };
  paste(drawn, painted(crop(photograph, target), part), target);
  if (outline) drawOutline(drawn, box);
  return drawn;
}

/**
 * Draws a signed image, such as guided backpropagation, at its position on the photograph.
 *
 * @param {Drawable} image With 0.5 for zero; the first channel alone, unless there are three.
 * @param {Size} size The drawing's size.
 * @param {Box} box The image's position on the drawing.
 * @returns {Pixels} The drawing, grey outside the box.
 */
export function signed(image, [width, height], box) {
  const drawn = { data: new Uint8Array(width * height * 3).fill(NOTHING), width, height, channels: 3 };
  const { part, target } = fitInto(image, box, [width, height]);
  paste(drawn, part, target);
  return drawn;
}

/** @param {number} value */
function smooth(value) {
  const position = clip((value - FAINTEST) / (FULL - FAINTEST), 0, 1);
  return position ** 2 * (3 - 2 * position);
}

/**
 * The colours of an 8-bit map over an image of the same size.
 *
 * @param {Pixels} image RGB.
 * @param {Pixels} levels
 * @returns {Pixels}
 */
function painted(image, levels) {
  const grey = toGrey(image).data;
  const data = image.data.map((value, at) => {
    const pixel = Math.floor(at / 3);
    const level = levels.data[pixel];
    const greyed = blend(value, MUTED[grey[pixel]], GREYINGS[level]);
    return blend(greyed, COLOURS[level][at % 3], OPACITIES[level]);
  });
  return { ...image, data };
}

/**
 * Resamples values to a box on a canvas, in 8 bits: the part of it that is on the canvas, and its box there in whole pixels.
 *
 * @param {Drawable} image
 * @param {Box} box With fractions; it may extend beyond the canvas.
 * @param {Size} canvas
 * @returns {{part: Pixels, target: Box}}
 */
function fitInto(image, box, canvas) {
  const [left, right, from, to] = overlap(box[0], box[2], canvas[0], image.width);
  const [top, bottom, above, below] = overlap(box[1], box[3], canvas[1], image.height);
  const pixels = { ...image, data: Uint8Array.from(image.data, (value) => rint(value * 255)) };
  const part = resample(pixels, [right - left, bottom - top], "bicubic", { box: [from, above, to, below] });
  return { part, target: [left, top, right, bottom] };
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
  const last = Math.max(Math.min(rint(end), canvas), first + 1);
  const ratio = image / (end - start);
  const [low, high] = [first, last].map((edge) => clip((edge - start) * ratio, 0, image));
  return [first, last, low, high];
}

/**
 * Puts an image, in grey or RGB, into an RGB image.
 *
 * @param {Pixels} image
 * @param {Pixels} part
 * @param {Box} target
 */
function paste(image, part, [left, top]) {
  for (let row = 0, from = 0; row < part.height; row++) {
    let to = ((top + row) * image.width + left) * 3;
    for (let column = 0; column < part.width; column++, from += part.channels) {
      for (let channel = 0; channel < 3; channel++) image.data[to++] = part.data[from + (part.channels === 3 ? channel : 0)];
    }
  }
}

/**
 * Draws the inner sides of a box: white along its inside, dark along its outside.
 *
 * @param {Pixels} image
 * @param {Box} box
 */
function drawOutline(image, box) {
  const [left, top, right, bottom] = box.map(rint);
  const inside = [left > 0, top > 0, right < image.width, bottom < image.height];
  const thick = Math.max(1, rint(Math.max(image.width, image.height) * OUTLINE));
  drawFrame(image, [left - thick, top - thick, right + thick, bottom + thick], inside, thick, DARK);
  drawFrame(image, [left, top, right, bottom], inside, thick, WHITE);
}

/**
 * Draws the chosen sides (left, top, right, bottom) of a rectangle, on its inside.
 *
 * @param {Pixels} image
 * @param {Box} box
 * @param {boolean[]} sides
 * @param {number} thick In pixels.
 * @param {number} ink
 */
function drawFrame(image, [left, top, right, bottom], sides, thick, ink) {
  const bars = [
    [left, top, left + thick, bottom],
    [left, top, right, top + thick],
    [right - thick, top, right, bottom],
    [left, bottom - thick, right, bottom],
  ];
  bars.filter((_, side) => sides[side]).forEach(([x0, y0, x1, y1]) => {
    const [start, end] = [Math.max(x0, 0), Math.min(x1, image.width)];
    for (let row = Math.max(y0, 0); row < Math.min(y1, image.height) && end > start; row++) {
      image.data.fill(ink, (row * image.width + start) * 3, (row * image.width + end) * 3);
    }
  });
}
