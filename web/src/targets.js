/** Turns targets (class indices, labels, ranks) into the indices and ranks that the model takes. */

import { TargetError } from "./errors.js";
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
 * @throws {TargetError} A class or rank does not exist, a label is unknown or names several classes, or T does not fit N.
 */
export function resolveTargets(target, images, { classes, labels }) {
  const wanted = isList(target) ? Array.from(target) : [target];
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
  const indices = labels.map((_, index) => index);
  const whole = indices.filter((index) => labels[index].toLowerCase() === wanted);
  const found = whole.length ? whole : indices.filter((index) => synonyms(labels[index]).includes(wanted));
  if (found.length === 1) return found[0];
  if (found.length) {
    const others = found.slice(0, -1).join(", ");
    throw new TargetError(`${quoted(text)} names the classes ${others} and ${found.at(-1)}; give one of these numbers`);
  }
  const close = labels.filter((label) => wanted && label.toLowerCase().includes(wanted)).slice(0, MOST_SUGGESTIONS);
  const advice = close.length ? `did you mean ${close.map(quoted).join(" or ")}?` : "explainer.labels lists the classes";
  throw new TargetError(`there is no class ${quoted(text)}; ${advice}`);
}

/**
 * The names of a class: ImageNet has `tabby, tabby cat`.
 *
 * @param {string} label
 */
function synonyms(label) {
  return label.toLowerCase().split(",").map((part) => part.trim());
}

/**
 * @param {unknown} target
 * @returns {target is readonly Target[]}
 */
function isList(target) {
  return Array.isArray(target) || (ArrayBuffer.isView(target) && "length" in target);
}

/**
 * @param {unknown} target
 * @param {number} classes
 * @param {readonly string[] | null} labels
 */
function resolveOne(target, classes, labels) {
  if (typeof target === "string") return resolveText(target, classes, labels);
  if (Number.isInteger(target)) return checkRange(/** @type {number} */ (target), classes);
  throw new TargetError(`a target is a class index, a label or a rank, not ${quoted(target)}`);
}

/**
 * A label is preferred to a number, since a class may be called `7`.
 *
 * @param {string} text
 * @param {number} classes
 * @param {readonly string[] | null} labels
 */
function resolveText(text, classes, labels) {
  const isNumber = /^-?\d{1,15}$/.test(text.trim());
  if (labels) {
    try {
      return findLabel(text, labels);
    } catch (error) {
      if (!isNumber) throw error;
    }
  }
  if (isNumber) return checkRange(Number(text), classes);
  throw new TargetError(
    `the model has no labels, so ${quoted(text)} names no class; give an index from 0 to ${classes - 1}`,
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
