/** Python's answers, as reference.py wrote them, and the measures by which ours are compared with them. */

import { readFileSync } from "node:fs";

const FOLDER = new URL("../../web/.reference/", import.meta.url);
const ARRAYS = {
  float32: Float32Array,
  uint8: Uint8Array,
  int64: BigInt64Array,
};

export const ROOT = new URL("../../", import.meta.url);
export const DEFAULT_MODEL = new URL("models/efficientnet_lite0.onnx", ROOT);

/** All cases of reference.py. @returns {any} */
export function cases() {
  return JSON.parse(readFileSync(new URL("cases.json", FOLDER), "utf8"));
}

/**
 * An array that Python wrote.
 *
 * @param {{file: string, dtype: keyof typeof ARRAYS}} description
 * @returns {any}
 */
export function arrayOf({ file, dtype }) {
  const bytes = readFileSync(new URL(file, FOLDER));
  return new ARRAYS[dtype](
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
  );
}

/**
 * An image that Python wrote, with as many channels as it has.
 *
 * @param {any} description
 */
export function imageOf(description) {
  const [height, width, channels] = description.dims;
  return {
    data: /** @type {Uint8Array} */ (arrayOf(description)),
    width,
    height,
    channels,
  };
}

/** A file of tests/data. @param {string} name */
export function dataFile(name) {
  return new URL(`tests/data/${name}`, ROOT);
}

/** A small explainer model. @param {string} name */
export function modelFile(name) {
  return new URL(`tests/web/data/${name}`, ROOT);
}

/** The bytes of a file, which a test may change. @param {URL} file */
export function bytesOf(file) {
  return new Uint8Array(readFileSync(file));
}

/**
 * ‖got - expected‖ / ‖expected‖.
 *
 * @param {ArrayLike<number>} got
 * @param {ArrayLike<number>} expected
 */
export function relativeError(got, expected) {
  if (got.length !== expected.length) return Infinity;
  let [difference, size] = [0, 0];
  for (let index = 0; index < got.length; index++) {
    difference += (got[index] - expected[index]) ** 2;
    size += expected[index] ** 2;
  }
  return difference && Math.sqrt(difference / size);
}

/**
 * The largest absolute difference.
 *
 * @param {ArrayLike<number>} got
 * @param {ArrayLike<number>} expected
 */
export function largestDifference(got, expected) {
  if (got.length !== expected.length) return Infinity;
  let largest = 0;
  for (let index = 0; index < got.length; index++)
    largest = Math.max(largest, Math.abs(got[index] - expected[index]));
  return largest;
}
