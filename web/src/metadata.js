/**
 * The metadata of an explainer model: JSON that the export writes, with the names of the fields as in Python.
 *
 * Reading checks every field that is used here, and that the parts agree. So whatever a file holds, a caller gets valid
 * metadata or a `ModelError`.
 */

import { ModelError } from "./errors.js";
import { FILTERS } from "./filters.js";

/**
 * @typedef {object} Layer A target layer.
 * @property {string} name
 * @property {number[]} shape Without the batch, [K, ...places]: [K, h, w] of an image.
 *
 * @typedef {object} ImageInput The graph input that takes the image.
 * @property {string} name
 * @property {string} layout A letter for each axis, such as NCHW or NHWC; signals have L, volumes D, H and W.
 * @property {number} channels
 * @property {number} height
 * @property {number} width
 * @property {string} dtype ONNX Runtime's and numpy's name of its type.
 * @property {number | null} [depth] Of a volume.
 * @property {number | null} batch The fixed batch size, or null if the model takes any.
 *
 * @typedef {object} Preprocessing Resize, centre crop, then `(pixel * scale - mean) / std`.
 * @property {number | [number, number] | null} resize The shorter side after resizing, or [height, width].
 * @property {number | [number, number] | null} crop The side of the centre crop, or [height, width].
 * @property {string} interpolation The name of Pillow's filter.
 * @property {number} scale
 * @property {number[]} mean
 * @property {number[]} std
 * @property {"RGB" | "BGR" | "L"} channel_order
 * @property {number | null} [letterbox] The grey of what an image leaves free that is resized to fit into the crop as a
 *   whole; `resize` is then null.
 *
 * @typedef {object} DetectionHead The scores are [A, F] or [F, A]: A anchors with F values each.
 * @property {0 | 1} anchors The axis of the anchors.
 * @property {number} classes The first of an anchor's values that are class scores.
 * @property {number} count The number of classes.
 * @property {number} boxes The first of its four values that are the box, in pixels of the input.
 * @property {"center" | "corners"} box Centre x, centre y, width and height; or left, top, right and bottom.
 * @property {number | null} objectness The value that the class scores are multiplied by.
 *
 * @typedef {object} Metadata
 * @property {number} schema
 * @property {ImageInput} image
 * @property {Layer[]} layers The first is the default.
 * @property {string | null} cam_layer The layer after which only global average pooling and a linear layer follow.
 * @property {number | null} classes C; null where the scores are not [N, C].
 * @property {number[]} score_shape The shape of the scores without the batch, [C] of class scores.
 * @property {string[] | null} labels
 * @property {"softmax" | "sigmoid" | null} score_activation
 * @property {boolean} flat Whether everything is always computed, and there is no level input.
 * @property {Preprocessing | null} preprocessing
 * @property {string} input_gradient The rules of the gradient at the input: guided, plain, deconvnet or custom.
 * @property {0 | 1 | 2 | null} level The level that is fixed in this form of the model.
 * @property {1 | 2} highest The highest level in the file.
 * @property {DetectionHead | null} [detection] Where the boxes are, if the scores are a raw detection head.
 */

const SCHEMA = 2;
const LAYOUT = /^N(C?(L|HW|DHW)|(L|HW|DHW)C)$/;

/**
 * Whether each field that is used here is valid and fits the others. What is no list or object raises a `TypeError`.
 *
 * @type {Record<string, (metadata: Metadata) => boolean>}
 */
const VALID = {
  image: ({ image }) =>
    isText(image.name) && LAYOUT.test(image.layout) && [image.batch ?? 1, ...imageShape(image)].every(isSize),
  layers: ({ layers }) => layers.length > 0 && layers.every(({ name, shape }) => isText(name) && shape.every(isSize)),
  classes: ({ classes, score_shape }) =>
    score_shape.every(isSize) && `${classes === null ? score_shape : classes}` === `${score_shape}`,
  labels: ({ labels, classes }) =>
    labels === null || (labels.length === (classes ?? labels.length) && labels.every(isText)),
  preprocessing: ({ preprocessing, image }) => preprocessing === null || isPreprocessing(preprocessing, image),
  level: ({ level, highest }) => [0, 1, 2, null].includes(level) && [1, 2].includes(highest),
};

/**
 * Reads the JSON that the export writes.
 *
 * @param {string} json
 * @returns {Metadata}
 * @throws {ModelError} It is not such JSON, contradicts itself, or has a newer schema.
 */
export function readMetadata(json) {
  let place = "it is not JSON";
  try {
    const metadata = JSON.parse(json);
    const { schema } = metadata;
    place = "schema";
    if (schema !== SCHEMA && schema > 0) {
      throw new ModelError(
        `the model was written for onnxcam metadata schema ${schema}, and this onnxcam reads ${SCHEMA}; ` +
          (schema > SCHEMA
            ? "upgrade it with 'npm install onnxcam@latest'"
            : "export the model again with onnxcam-export"),
      );
    }
    // One score with two labels is the second's.
    if (metadata.classes === 1 && metadata.labels?.length === 2) metadata.labels.shift();
    metadata.score_shape ??= [metadata.classes];
    for (place in VALID) if (!VALID[place](metadata)) throw new TypeError();
    return metadata;
  } catch (error) {
    if (error instanceof ModelError) throw error;
    throw new ModelError(
      `the model's onnxcam metadata is damaged (${place}); export the model again with onnxcam-export`,
    );
  }
}

/**
 * The shape of the image input without the batch, in its own layout.
 *
 * @param {ImageInput} image
 */
export function imageShape({ layout, channels, depth, height, width }) {
  const sizes = { C: channels, D: /** @type {number} */ (depth), H: height, W: width, L: width };
  return [...layout.slice(1)].map((axis) => sizes[/** @type {keyof typeof sizes} */ (axis)]);
}

/**
 * How many elements a shape has.
 *
 * @param {readonly number[]} shape
 */
export const product = (shape) => shape.reduce((total, size) => total * size, 1);

/**
 * A side of a square, or (height, width), as (height, width).
 *
 * @param {number | [number, number]} size
 * @returns {[number, number]}
 */
export const pair = (size) => (Array.isArray(size) ? size : [size, size]);

/**
 * @param {Preprocessing} steps
 * @param {ImageInput} image
 */
const isPreprocessing = ({ resize, crop, interpolation, scale, mean, std, channel_order, letterbox }, { channels }) =>
  [resize, crop].every((size) => size === null || (pair(size).length === 2 && pair(size).every(isSize))) &&
  Object.hasOwn(FILTERS, interpolation) &&
  mean.length === channels &&
  std.length === channels &&
  [...mean, ...std, scale, letterbox ?? 0].every(Number.isFinite) &&
  [...std, scale].every(Boolean) &&
  (channel_order === "L" || [1, 3].includes(channels));

/** @param {unknown} value */
const isText = (value) => typeof value === "string";

/** @param {unknown} value */
const isSize = (value) => Number.isInteger(value) && Number(value) > 0 && Number(value) <= 2 ** 24;
