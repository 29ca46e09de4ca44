/** Finds classes by index, label or rank. */

import { TargetError } from "./errors.js";
import { listOf } from "./numbers.js";
import { quoted } from "./text.js";

/**
 * @typedef {number | string} ClassName A class index or a label.
 *
 * @typedef {object} Classes
 * @property {number | null} classes C; null where the scores are not [N, C].
 * @property {readonly string[] | null} labels
 */

/**
 * The class index or rank that a user names.
 *
 * @param {unknown} target A class index, a label, or a rank (-1 is the top-scoring class).
 * @param {number} classes C.
 * @param {readonly string[] | null} labels
 * @returns {number}
 * @throws {TargetError} A class or rank does not exist, or a label is unknown or names several classes.
 */
export function namedClass(target, classes, labels) {
  const index = /** @type {number} */ (target);
  if (Number.isInteger(index)) {
    if (index >= classes)
      throw new TargetError(`there is no class ${index}; the model has the classes 0 to ${classes - 1}`);
    if (index >= -classes) return index;
    throw new TargetError(`there is no rank ${index}; with ${classes} classes the ranks are -1 (top) to ${-classes}`);
  }
  if (typeof target !== "string")
    throw new TargetError(`a target is a class index, a label or a rank, not ${quoted(target)}`);
  if (labels) return findLabel(target, labels);
  throw new TargetError(
    `the model has no labels, so ${quoted(target)} names no class; give an index from 0 to ${classes - 1}`,
  );
}

/**
 * Finds a class by its name, in upper or lower case: the whole name, or one of the synonyms in it.
 *
 * @param {string} text
 * @param {readonly string[]} labels
 */
function findLabel(text, labels) {
  const wanted = text.trim().toLowerCase();
  const matching = (/** @type {(label: string) => boolean} */ fits) =>
    listOf(labels.length, Number).filter((index) => fits(labels[index].toLowerCase()));
  const whole = matching((label) => label === wanted);
  // ImageNet has `tabby, tabby cat`.
  const found = whole.length
    ? whole
    : matching((label) => label.split(",").some((synonym) => synonym.trim() === wanted));
  if (found.length === 1) return found[0];
  if (found.length) {
    const last = found.pop();
    throw new TargetError(
      `${quoted(text)} names the classes ${found.join(", ")} and ${last}; give one of these numbers`,
    );
  }
  const mostSuggestions = 3;
  const close = matching((label) => wanted !== "" && label.includes(wanted)).slice(0, mostSuggestions);
  const advice = close.map((index) => quoted(labels[index])).join(" or ");
  throw new TargetError(
    `there is no class ${quoted(text)}; ${advice ? `did you mean ${advice}?` : "explainer.labels lists the classes"}`,
  );
}
