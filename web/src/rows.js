/** Turns targets into the rows of a run: classes and ranks for one input of the model, cotangents for the other. */

import { TargetError } from "./errors.js";
import { namedClass } from "./labels.js";
import { listOf, max } from "./numbers.js";
import { byScore } from "./scores.js";

/**
 * @typedef {import("./metadata.js").Metadata} Metadata
 *
 * @typedef {object} Seed A scalar y of one image's scores s, by its gradient v = dy/ds.
 * @property {string} label The scalar in a few words.
 * @property {(s: Float32Array) => Float32Array} v Of the size of s, whose axes are `metadata.score_shape`.
 * @property {boolean} [needsScores] Whether v depends on s, so that one more run, for the scores, comes first.
 *
 * @typedef {(metadata: Metadata) => Seed} Scalar What `onnxcam/targets` gives. It checks its arguments against the model.
 * @typedef {number | Seed} Wanted A class index or rank, or a scalar that is bound to the model.
 * @typedef {number | string | Scalar} Target A class index, a label, a rank (-1 is the top-scoring class, -2 the second),
 *   or a scalar.
 */

/**
 * What a run for scores that are not of classes explains, when they alone are wanted.
 *
 * @type {Scalar}
 */
export const NOTHING = () => ({ label: "", v: (s) => s.fill(0) });

/**
 * Binds targets to a model, and checks that they fit the batch.
 *
 * @param {Target | readonly Target[]} target
 * @param {number} images N.
 * @param {Metadata} metadata
 * @returns {readonly Wanted[]} One for all images, one for each or, for one image, any number.
 * @throws {TargetError} The model has no such target, or they do not fit N.
 */
export function resolveTargets(target, images, metadata) {
  const wanted = [target].flat();
  if (!wanted.length) throw new TargetError("no target is given; -1 is the top-scoring class");
  if (images > 1 && ![1, images].includes(wanted.length)) {
    throw new TargetError(
      `${wanted.length} targets do not fit ${images} images; give one target for all, or one for each image`,
    );
  }
  return wanted.map((item) =>
    typeof item === "function" ? item(metadata) : namedClass(item, numberOfClasses(metadata), metadata.labels),
  );
}

/**
 * C of a classifier.
 *
 * @param {Metadata} metadata
 * @throws {TargetError} The scores are not [N, C].
 */
export function numberOfClasses({ classes, score_shape }) {
  if (classes !== null) return classes;
  throw new TargetError(
    `this model's scores are [${score_shape}] and not one for each class; give a region, an element or linear of onnxcam/targets`,
  );
}

/**
 * Whether the cotangents of some rows depend on the scores, so that a run at level 0 comes first.
 *
 * @param {readonly Wanted[]} wanted
 */
export const needScores = (wanted) =>
  !wanted.every(isNumber) && wanted.some((item) => (isNumber(item) ? item < 0 : item.needsScores));

/**
 * The rows of a run: as targets if all are classes or ranks, and else as cotangents.
 *
 * @param {readonly Wanted[]} wanted
 * @param {number} images N.
 * @param {Float32Array} scores [N, ...]; where none needs them, anything of that size.
 * @returns {{targets: readonly number[], seeds: Float32Array, classIndex?: number[]}} With the class of each row of
 *   cotangents that is one, else -1.
 */
export function rowsOf(wanted, images, scores) {
  if (wanted.every(isNumber)) return { targets: wanted, seeds: new Float32Array() };
  const size = scores.length / images;
  const rows = max(images, wanted.length);
  const seeds = new Float32Array(rows * size);
  const classIndex = listOf(rows, (row) => {
    const item = wanted[row % wanted.length];
    const s = scores.subarray((row % images) * size).subarray(0, size);
    const v = seeds.subarray(row * size);
    const c = isNumber(item) ? (item < 0 ? byScore(s)[-1 - item] : item) : -1;
    if (isNumber(item)) v[c] = 1;
    else v.set(item.v(s));
    return c;
  });
  return { targets: [], seeds, classIndex };
}

/** @type {(item: Wanted) => item is number} */
const isNumber = (item) => typeof item === "number";
