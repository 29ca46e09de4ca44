/**
 * Protobuf's wire format: the fields of a message in a file's bytes.
 *
 * https://protobuf.dev/programming-guides/encoding
 */

import { floor, min } from "./numbers.js";

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;
const MOST_VARINT_BYTES = 10;

/** The error about bytes that are not protobuf. */
const damaged = () => new Error("it is not an ONNX file, or is damaged");

/**
 * @typedef {object} Field
 * @property {number} number The field's number in its message.
 * @property {number} start The first position of the value.
 * @property {number} end The position after the value.
 */

/**
 * The fields of a message.
 *
 * @param {Uint8Array} bytes
 * @param {number} [start] The message's first position.
 * @param {number} [end] The position after the message.
 * @returns {Generator<Field>}
 * @throws {Error} The bytes are not a message.
 */
export function* fields(bytes, start = 0, end = bytes.length) {
  let position = start;
  while (position < end) {
    const [tag, afterTag] = varint(bytes, position, end);
    const kind = tag % 8;
    const [size, begin] = valueSize(bytes, kind, afterTag, end);
    position = begin + size;
    if (position > end) throw damaged();
    yield { number: floor(tag / 8), start: begin, end: position };
  }
}

/**
 * The size of a field's value, and its first position.
 *
 * @param {Uint8Array} bytes
 * @param {number} kind
 * @param {number} position
 * @param {number} end
 * @returns {[number, number]}
 */
function valueSize(bytes, kind, position, end) {
  if (kind === LENGTH) return varint(bytes, position, end);
  if (kind === VARINT) return [varint(bytes, position, end)[1] - position, position];
  if (kind === FIXED64) return [8, position];
  if (kind === FIXED32) return [4, position];
  throw damaged(); // a group; ONNX has none
}

/**
 * A number of seven bits to a byte, and the position after it. Numbers above 2^53 lose digits; no length is one.
 *
 * @param {Uint8Array} bytes
 * @param {number} position
 * @param {number} end
 * @returns {[number, number]}
 */
function varint(bytes, position, end) {
  let value = 0;
  const last = min(end, position + MOST_VARINT_BYTES);
  for (let at = position, factor = 1; at < last; at++, factor *= 128) {
    value += (bytes[at] & 127) * factor;
    if (bytes[at] < 128) return [value, at + 1];
  }
  throw damaged();
}
