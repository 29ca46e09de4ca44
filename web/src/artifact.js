/**
 * Reads a model file's bytes, and edits them in place.
 *
 * ONNX Runtime's interface for JavaScript shows no metadata, and takes no input that has a default. So the metadata are
 * read here, and the defaults of the added inputs are renamed, which leaves their inputs without a default.
 */

import { METADATA_KEY } from "./contract.js";
import { ModelError } from "./errors.js";
import { fields } from "./protobuf.js";

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
  // Numbers of fields in onnx.proto.
  const PROPERTY = 14; // of ModelProto
  const KEY = 1; // of StringStringEntryProto
  const VALUE = 2;
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
  // Numbers of fields in onnx.proto.
  const GRAPH = 7; // of ModelProto
  const INITIALIZER = 5; // of GraphProto
  const INPUT = 11;
  const TENSOR_NAME = 8; // of TensorProto
  const VALUE_NAME = 1; // of ValueInfoProto
  for (const graph of fields(bytes)) {
    if (graph.number !== GRAPH) continue;
    const parts = [...fields(bytes, graph.start, graph.end)];
    const inputs = parts.filter(({ number }) => number === INPUT).map((part) => textOf(bytes, part, VALUE_NAME));
    for (const part of parts) {
      const name = part.number === INITIALIZER ? textOf(bytes, part, TENSOR_NAME) : "";
      if (!name.startsWith(METADATA_KEY) || !inputs.includes(name)) continue;
      // Another name of the same length: nothing refers to it, and ONNX Runtime removes it.
      bytes[/** @type {Field} */ (last(bytes, part, TENSOR_NAME)).start] = "_".charCodeAt(0);
    }
  }
}

/**
 * The last field of a number in a part; undefined if there is none.
 *
 * @param {Uint8Array} bytes
 * @param {Field} part
 * @param {number} number
 */
const last = (bytes, { start, end }, number) =>
  [...fields(bytes, start, end)].findLast((found) => found.number === number);

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
