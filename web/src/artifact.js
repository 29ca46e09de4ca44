/**
 * Reads a model file's bytes, and edits them in place.
 *
 * ONNX Runtime's interface for JavaScript shows no metadata, and takes no input that has a default. So the metadata are
 * read here, and the defaults of the added inputs are renamed, which leaves their inputs without a default.
 */

import { LEVEL_INPUT, METADATA_KEY, TARGET_INPUT } from "./contract.js";
import { ModelError } from "./errors.js";
import { DamagedError, fields, LENGTH } from "./protobuf.js";

// Numbers of fields in onnx.proto.
const GRAPH = 7; // of ModelProto
const PROPERTY = 14;
const KEY = 1; // of StringStringEntryProto
const VALUE = 2;
const INITIALIZER = 5; // of GraphProto
const INPUT = 11;
const VALUE_INFO = 13;
const TENSOR_NAME = 8; // of TensorProto
const INT64_DATA = 7;
const RAW_DATA = 9;
const VALUE_NAME = 1; // of ValueInfoProto

/** @typedef {import("./protobuf.js").Field} Field */

/**
 * The JSON under the key `onnxcam` in a model's metadata.
 *
 * @param {Uint8Array} bytes The model's file.
 * @param {string} name The model's name, for error messages.
 * @throws {ModelError} It is not an explainer model, or not a model.
 */
export function metadataText(bytes, name) {
  return undamaged(name, () => {
    for (const property of fields(bytes)) {
      if (property.number !== PROPERTY || property.kind !== LENGTH) continue;
      if (textOf(bytes, property, KEY) === METADATA_KEY) return textOf(bytes, property, VALUE);
    }
    throw new ModelError(
      `${name} is not an explainer model; make one of it with 'onnxcam export' (pip install onnxcam-export)`,
    );
  });
}

/**
 * Takes the defaults of the added inputs away, in place. Bytes without such defaults stay as they are.
 *
 * @param {Uint8Array} bytes The model's file.
 * @param {string} name The model's name, for error messages.
 */
export function requireInputs(bytes, name) {
  undamaged(name, () => {
    for (const tensor of partsOf(bytes, INITIALIZER)) {
      const label = field(bytes, tensor, TENSOR_NAME);
      // Another name of the same length: nothing refers to it, and ONNX Runtime removes it.
      if (isNamed(bytes, label, [LEVEL_INPUT, TARGET_INPUT])) bytes[/** @type {Field} */ (label).start] = "_".charCodeAt(0);
    }
  });
}

/**
 * Makes the level a constant, in place: ONNX Runtime then keeps one branch of the model.
 *
 * @param {Uint8Array} bytes The file of a model with a level input that has a default.
 * @param {number} level 0, 1 or 2.
 * @param {string} name The model's name, for error messages.
 * @returns {boolean} Whether there was such an input.
 */
export function fixLevel(bytes, level, name) {
  return undamaged(name, () => {
    const isLevel = (/** @type {Field} */ part, /** @type {number} */ number) =>
      isNamed(bytes, field(bytes, part, number), [LEVEL_INPUT]);
    const constant = [...partsOf(bytes, INITIALIZER)].find((part) => isLevel(part, TENSOR_NAME));
    const input = [...partsOf(bytes, INPUT)].find((part) => isLevel(part, VALUE_NAME));
    const value = constant && (field(bytes, constant, RAW_DATA) ?? field(bytes, constant, INT64_DATA));
    if (!input || !value) return false;
    bytes[value.start] = level; // the lowest byte of a small number, in either form
    bytes[input.first] = (VALUE_INFO << 3) | LENGTH; // what was an input becomes a remark on a value
    return true;
  });
}

/**
 * The parts of the graph in one of its fields.
 *
 * @param {Uint8Array} bytes
 * @param {number} number
 * @returns {Generator<Field>}
 */
function* partsOf(bytes, number) {
  for (const graph of fields(bytes)) {
    if (graph.number !== GRAPH || graph.kind !== LENGTH) continue;
    for (const part of fields(bytes, graph.start, graph.end)) {
      if (part.number === number && part.kind === LENGTH) yield part;
    }
  }
}

/**
 * The last field of a number in a part, if it has one.
 *
 * @param {Uint8Array} bytes
 * @param {Field} part
 * @param {number} number
 */
function field(bytes, part, number) {
  return [...fields(bytes, part.start, part.end)].findLast((found) => found.number === number);
}

/**
 * @param {Uint8Array} bytes
 * @param {Field} part
 * @param {number} number
 */
function textOf(bytes, part, number) {
  const found = field(bytes, part, number);
  return found ? decode(bytes, found) : "";
}

/**
 * @param {Uint8Array} bytes
 * @param {Field | undefined} label The field that holds a name.
 * @param {string[]} names
 */
function isNamed(bytes, label, names) {
  return label !== undefined && names.some((name) => name.length === label.end - label.start && name === decode(bytes, label));
}

/**
 * @param {Uint8Array} bytes
 * @param {Field} part
 */
function decode(bytes, part) {
  // A copy, since shared memory, which threads use, cannot be decoded.
  return new TextDecoder().decode(bytes.slice(part.start, part.end));
}

/**
 * Names the model where its bytes turn out to be no protobuf.
 *
 * @template Result
 * @param {string} name
 * @param {() => Result} read
 * @returns {Result}
 */
function undamaged(name, read) {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DamagedError)) throw error;
    throw new ModelError(`${name} is not a model that ONNX Runtime can load: it is not an ONNX file, or is damaged`);
  }
}
