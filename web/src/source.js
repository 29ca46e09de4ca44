/** Gets a model's bytes: from the network, from a file in Node, or as they are given. */

import { ModelError } from "./errors.js";
import { shown } from "./text.js";

/** @typedef {string | URL | ArrayBuffer | Uint8Array} ModelSource */

/**
 * Reads a model.
 *
 * @param {ModelSource} source An address; in Node also a path; or the bytes of the file.
 * @returns {Promise<{bytes: Uint8Array, name: string}>} The bytes, and the model's name for error messages.
 * @throws {ModelError} There is no such file, or it cannot be read.
 */
export async function readModel(source) {
  if (source instanceof Uint8Array) return { bytes: source, name: "the model" };
  if (source instanceof ArrayBuffer) return { bytes: new Uint8Array(source), name: "the model" };
  if (typeof source !== "string" && !(source instanceof URL)) {
    throw new ModelError(`a model is an address, a path or the bytes of a file, not ${shown(source)}`);
  }
  const name = shown(source);
  try {
    return { bytes: await (isFile(source) ? fromFile(source) : fromNetwork(source)), name };
  } catch (error) {
    throw new ModelError(`cannot read ${name}: ${shown(error)}`, { cause: error });
  }
}

/**
 * Whether an address names a file of the computer that Node runs on.
 *
 * @param {string | URL} source
 */
function isFile(source) {
  return fileSystem() !== undefined && !/^(https?|data|blob):/i.test(String(source));
}

/** Node's file system; undefined elsewhere. No import, which bundlers for browsers would try to follow. */
function fileSystem() {
  return /** @type {any} */ (globalThis).process?.getBuiltinModule?.("node:fs/promises");
}

/**
 * @param {string | URL} source
 * @returns {Promise<Uint8Array>}
 */
function fromFile(source) {
  return fileSystem().readFile(String(source).startsWith("file:") ? new URL(source) : source);
}

/** @param {string | URL} source */
async function fromNetwork(source) {
  const response = await fetch(source);
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
