/**
 * Protobuf's wire format: the fields of a message in a file's bytes.
 *
 * https://protobuf.dev/programming-guides/encoding
 */

import { floor, min } from "./numbers.js";

// The kinds of values whose size is fixed, in bytes.
/** @type {Record<number, number>} */
const FIXED = { 1: 8, 5: 4 };

/** The error about bytes that are not protobuf. */
const damaged = () => new Error("it is not an ONNX file, or is damaged");

/**
 * @typedef {object} Field
 * @property {number} number The field's number in its message.
 * @property {number} start The first position of the value; where that is a number by itself, its end.
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
  const number = 0; // a kind of value, by itself; the others have their length before them, and ONNX has no groups
  let position = start;
  while (position < end) {
    const [tag, afterTag] = varint(bytes, position, end);
    const kind = tag % 8;
    const [size, begin] = FIXED[kind] ? [FIXED[kind], afterTag] : varint(bytes, afterTag, end);
    position = kind === number ? begin : begin + size;
    if (position > end || ![number, 1, 2, 5].includes(kind)) throw damaged();
    yield { number: floor(tag / 8), start: begin, end: position };
  }
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
  const mostBytes = 10;
  let value = 0;
  const last = min(end, position + mostBytes);
  for (let at = position, factor = 1; at < last; at++, factor *= 128) {
    value += (bytes[at] & 127) * factor;
    if (bytes[at] < 128) return [value, at + 1];
  }
  throw damaged();
}
