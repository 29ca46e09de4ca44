/**
 * What to explain: any scalar y that is computed from one image's scores s, before any softmax or sigmoid.
 *
 * Each function states y and gives v = dy/ds, the row of cotangents that the artifact differentiates.
 */

import { TargetError } from "./errors.js";
import { namedClass } from "./labels.js";
import { product } from "./metadata.js";
import { sum } from "./numbers.js";
import { numberOfClasses } from "./rows.js";
import { probabilitiesOf } from "./scores.js";
import { quoted } from "./text.js";

/**
 * @typedef {import("./labels.js").ClassName} ClassName
 * @typedef {import("./metadata.js").Metadata} Metadata
 * @typedef {import("./rows.js").Scalar} Scalar
 * @typedef {ArrayLike<number>} Numbers
 */

/**
 * `y = s_c - s_d`: why c and not d.
 *
 * @param {ClassName} c
 * @param {ClassName} d
 * @returns {Scalar}
 */
export const contrast = (c, d) => (metadata) => {
  const [one, other] = [c, d].map((name) => classOf(name, metadata));
  if (one === other) throw new TargetError(`a contrast needs two classes, and both are ${quoted(d)}`);
  const label = `${labelOf(one, metadata)} - ${labelOf(other, metadata)}`;
  return { label, v: constant(filled(metadata, { [one]: 1, [other]: -1 })) };
};

/**
 * `y = -s_c`: what speaks against c.
 *
 * @param {ClassName} c
 * @returns {Scalar}
 */
export const negative = (c) => (metadata) => {
  const index = classOf(c, metadata);
  return { label: `not ${labelOf(index, metadata)}`, v: constant(filled(metadata, { [index]: -1 })) };
};

/**
 * `y = p_c` with p the softmax or sigmoid of s, whichever the model has, or the softmax if it has neither.
 *
 * v is `p_c (e_c - p)` of the softmax and `p_c (1 - p_c) e_c` of the sigmoid.
 *
 * @param {ClassName} c
 * @param {"softmax" | "sigmoid" | null} [activation] The default is the model's own.
 * @returns {Scalar}
 */
export const probability = (c, activation) => (metadata) => {
  const index = classOf(c, metadata);
  const kind = activation ?? metadata.score_activation ?? "softmax";
  if (kind !== "softmax" && kind !== "sigmoid")
    throw new TargetError(`the activation is 'softmax' or 'sigmoid', not ${quoted(activation)}`);
  return {
    label: `probability of ${labelOf(index, metadata)}`,
    needsScores: true,
    v: (s) => {
      const p = /** @type {Float64Array} */ (probabilitiesOf(s, kind, s.length));
      return Float32Array.from(p, (value, at) =>
        kind === "softmax" ? p[index] * (Number(at === index) - value) : at === index ? value * (1 - value) : 0,
      );
    },
  };
};

/**
 * `y = sum over the mask of s_c`, for scores [C, ...places].
 *
 * @param {ClassName} c
 * @param {Numbers | null} [mask] A number for each place; by default those where c has the highest score.
 * @returns {Scalar}
 */
export const region =
  (c, mask = null) =>
  (metadata) => {
    const [channels, ...places] = metadata.score_shape;
    if (!places.length)
      throw new TargetError(`a region needs scores for places, and this model's are [${channels}]; give a class`);
    const index = indexOf(c, channels, metadata);
    const size = product(places);
    const given = mask && checked(mask, "the mask of a region");
    if (given && given.length !== size)
      throw new TargetError(`the mask of a region must be [${places}], as the scores are, not [${given.length}]`);
    if (given && !given.some(Boolean))
      throw new TargetError("the mask of a region is empty; give one with at least one place");
    return {
      label: `region of ${labelOf(index, metadata)}`,
      needsScores: !given,
      v: (s) => {
        const v = new Float32Array(s.length);
        v.set(given ?? won(s, index, size), index * size);
        return v;
      },
    };
  };

/**
 * `y` is one entry of s.
 *
 * @param {readonly number[]} index Along the axes of s; negative ones count from the end.
 * @returns {Scalar}
 */
export const element = (index) => (metadata) => {
  const shape = metadata.score_shape;
  const fits = index.length === shape.length && index.every((at, axis) => at >= -shape[axis] && at < shape[axis]);
  if (!fits || !index.every(Number.isInteger))
    throw new TargetError(`there is no entry [${index.join(", ")}] in scores of the shape [${shape.join(", ")}]`);
  const own = index.map((at, axis) => (at + shape[axis]) % shape[axis]);
  const flat = own.reduce((found, at, axis) => found * shape[axis] + at, 0);
  return { label: `score [${own.join(", ")}]`, v: constant(filled(metadata, { [flat]: 1 })) };
};

/**
 * `y = cos(s, g)`, the cosine of the scores, as an embedding, with a vector; v is `(g / |g| - y s / |s|) / |s|`.
 *
 * @param {Numbers} vector g.
 * @returns {Scalar}
 */
export const similarity = (vector) => (metadata) => {
  const g = checked(vector, "the vector of a similarity");
  const size = product(metadata.score_shape);
  if (g.length !== size) throw new TargetError(`the vector of a similarity must have ${size} numbers, not ${g.length}`);
  if (!g.some(Boolean)) throw new TargetError("the vector of a similarity is zero, and has no direction");
  return { label: "similarity", needsScores: true, v: (s) => cosineGradient(s, g) };
};

/**
 * `y = <v, s>`: any weights of the scores.
 *
 * @param {Numbers} v Of the size of s.
 * @returns {Scalar}
 */
export const linear = (v) => (metadata) => {
  const weights = checked(v, "the weights of the scores");
  const shape = metadata.score_shape;
  if (weights.length !== product(shape))
    throw new TargetError(`the weights of the scores must be [${shape}], not [${weights.length}]`);
  return { label: "weighted scores", v: constant(weights) };
};

/** @param {Float32Array} v */
const constant = (v) => () => v;

/**
 * Zeros of the size of the scores, but for some entries.
 *
 * @param {Metadata} metadata
 * @param {Record<number, number>} entries
 */
const filled = ({ score_shape }, entries) => Object.assign(new Float32Array(product(score_shape)), entries);

/**
 * Where a class has the highest of all scores of a place; the first of several.
 *
 * @param {Float32Array} s [C, places].
 * @param {number} c
 * @param {number} places
 */
function won(s, c, places) {
  const mask = s.subarray(c * places, (c + 1) * places).map((score, place) => {
    for (let at = place, channel = 0; at < s.length; at += places, channel++)
      if (s[at] > score || (s[at] === score && channel < c)) return 0;
    return 1;
  });
  if (mask.some(Boolean)) return mask;
  throw new TargetError(`class ${c} has the highest score nowhere in this image; give a mask`);
}

/**
 * @param {Float32Array} s
 * @param {Float32Array} g
 */
function cosineGradient(s, g) {
  const [length, other] = [s, g].map((values) => Math.sqrt(sum(values.map((value) => value ** 2))));
  if (!length) throw new TargetError("the scores are all zero, so that their similarity has no gradient");
  let y = 0;
  g.forEach((value, at) => (y += (value * s[at]) / length / other));
  return g.map((value, at) => (value / other - (y * s[at]) / length) / length);
}

/**
 * @param {ClassName} c
 * @param {Metadata} metadata
 */
const classOf = (c, metadata) => indexOf(c, numberOfClasses(metadata), metadata);

/**
 * The index of a class among a number of classes.
 *
 * @param {ClassName} c
 * @param {number} classes
 * @param {Metadata} metadata
 */
export function indexOf(c, classes, { labels }) {
  const index = namedClass(c, classes, labels);
  if (index < 0) throw new TargetError(`${index} is a rank; give a class by its index or label`);
  return index;
}

/**
 * @param {number} index
 * @param {Metadata} metadata
 */
const labelOf = (index, { labels }) => labels?.[index] ?? String(index);

/**
 * Finite numbers in single precision.
 *
 * @param {Numbers} given
 * @param {string} name For the message.
 */
function checked(given, name) {
  const array = Float32Array.from(given, Number);
  if (array.every(Number.isFinite)) return array;
  throw new TargetError(`${name} must be finite, and there is NaN or infinity among them`);
}
