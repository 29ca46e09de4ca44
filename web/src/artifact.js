/**
 * Reads a model file's bytes, and edits them in place.
 *
 * ONNX Runtime's interface for JavaScript shows no metadata, and takes no input that has a default. So the metadata are
 * read here, and the defaults of the added inputs are renamed, which leaves their inputs without a default.
 */

import { LEVEL_INPUT, METADATA_KEY, SEED_INPUT, TARGET_INPUT } from "./contract.js";
import { ModelError } from "./errors.js";
import { fields } from "./protobuf.js";

// Numbers of fields in onnx.proto.
const GRAPH = 7; // of ModelProto
const PROPERTY = 14;
const KEY = 1; // of StringStringEntryProto
const VALUE = 2;
const INITIALIZER = 5; // of GraphProto
const INPUT = 11;
const TENSOR_NAME = 8; // of TensorProto
const VALUE_NAME = 1; // of ValueInfoProto

/** @typedef {import("./protobuf.js").Field} Field */

/**
 * The JSON under the key `onnxcam` in a model's metadata.
 *
 * @param {Uint8Array} bytes The model's file.
 * @param {string} name The model's name, for error messages.
 * @throws {ModelError} It is not an explainer model.
 * @throws {Error} It is not a model.
 */
export function metadataText(bytes, name) {
  for (const property of fields(bytes)) {
    if (property.number === PROPERTY && textOf(bytes, property, KEY) === METADATA_KEY)
      return textOf(bytes, property, VALUE);
  }
  throw new ModelError(
    `${name} is not an explainer model; make one of it with 'onnxcam export' (pip install onnxcam-export)`,
  );
}

/**
 * Takes the defaults of the added inputs away, in place. Bytes without such defaults stay as they are.
 *
 * @param {Uint8Array} bytes The model's file.
 * @throws {Error} It is not a model.
 */
export function requireInputs(bytes) {
  for (const name of [LEVEL_INPUT, TARGET_INPUT, SEED_INPUT]) {
    if (!named(bytes, INPUT, VALUE_NAME, name)) continue;
    const label = last(bytes, named(bytes, INITIALIZER, TENSOR_NAME, name), TENSOR_NAME);
    // Another name of the same length: nothing refers to it, and ONNX Runtime removes it.
    if (label) bytes[label.start] = "_".charCodeAt(0);
  }
}

/**
 * The part of the graph in a field that has a name.
 *
 * @param {Uint8Array} bytes
 * @param {number} number The field of the graph.
 * @param {number} nameNumber The field of the part that holds its name.
 * @param {string} name
 */
function named(bytes, number, nameNumber, name) {
  const graph = [...fields(bytes)].find((part) => part.number === GRAPH);
  const parts = graph ? [...fields(bytes, graph.start, graph.end)] : [];
  return parts.find((part) => part.number === number && textOf(bytes, part, nameNumber) === name);
}

/**
 * The last field of a number in a part; undefined if there is none.
 *
 * @param {Uint8Array} bytes
 * @param {Field | undefined} part
 * @param {number} number
 */
function last(bytes, part, number) {
  return part && [...fields(bytes, part.start, part.end)].findLast((found) => found.number === number);
}

/**
 * @param {Uint8Array} bytes
 * @param {Field} part
 * @param {number} number
 */
function textOf(bytes, part, number) {
  const { start, end } = last(bytes, part, number) ?? { start: 0, end: 0 };
  // A copy, since shared memory, which threads use, cannot be decoded.
  return new TextDecoder().decode(bytes.slice(start, end));
}
