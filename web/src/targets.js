/** Turns targets (class indices, labels, ranks) into the indices and ranks that the model takes. */

import { TargetError } from "./errors.js";
import { listOf } from "./numbers.js";
import { quoted } from "./text.js";

const MOST_SUGGESTIONS = 3;

/** @typedef {number | string} Target A class index, a label, or a rank: -1 is the top-scoring class, -2 the second. */

/**
 * Turns targets into values for the model's target input, and checks that they fit the batch.
 *
 * @param {Target | readonly Target[]} target
 * @param {number} images N.
 * @param {{classes: number, labels: readonly string[] | null}} model
 * @returns {number[]} [T] with T = N, T = 1 or, for one image, any T.
 * @throws {TargetError} A class, rank or label does not exist, a label names several classes, or T does not fit N.
 */
export function resolveTargets(target, images, { classes, labels }) {
  const wanted = [target].flat();
  if (wanted.length === 0) throw new TargetError("no target is given; -1 is the top-scoring class");
  if (images > 1 && wanted.length !== 1 && wanted.length !== images) {
    throw new TargetError(
      `${wanted.length} targets do not fit ${images} images; give one target for all, or one for each image`,
    );
  }
  return wanted.map((item) => resolveOne(item, classes, labels));
}

/**
 * Finds a class by its name, in upper or lower case: the whole name, or one of the synonyms in it.
 *
 * @param {string} text
 * @param {readonly string[]} labels
 */
export function findLabel(text, labels) {
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
  const close = matching((label) => wanted !== "" && label.includes(wanted)).slice(0, MOST_SUGGESTIONS);
  const advice = close.map((index) => quoted(labels[index])).join(" or ");
  throw new TargetError(
    `there is no class ${quoted(text)}; ${advice ? `did you mean ${advice}?` : "explainer.labels lists the classes"}`,
  );
}

/**
 * @param {unknown} target
 * @param {number} classes
 * @param {readonly string[] | null} labels
 */
function resolveOne(target, classes, labels) {
  if (Number.isInteger(target)) return checkRange(/** @type {number} */ (target), classes);
  if (typeof target !== "string")
    throw new TargetError(`a target is a class index, a label or a rank, not ${quoted(target)}`);
  if (labels) return findLabel(target, labels);
  throw new TargetError(
    `the model has no labels, so ${quoted(target)} names no class; give an index from 0 to ${classes - 1}`,
  );
}

/**
 * @param {number} index
 * @param {number} classes
 */
function checkRange(index, classes) {
  if (index >= classes) {
    throw new TargetError(`there is no class ${index}; the model has the classes 0 to ${classes - 1}`);
  }
  if (index < -classes) {
    throw new TargetError(`there is no rank ${index}; with ${classes} classes the ranks are -1 (top) to ${-classes}`);
  }
  return index;
}
