/** Probabilities of class scores, and their order. */

import { listOf, max, sum } from "./numbers.js";

/**
 * Applies a softmax or sigmoid.
 *
 * @param {Float32Array} scores y, [N, C].
 * @param {"softmax" | "sigmoid" | null} activation Null if the model has neither.
 * @param {number} classes C.
 * @returns {Float64Array | null}
 */
export function probabilitiesOf(scores, activation, classes) {
  const y = Float64Array.from(scores);
  if (activation === "sigmoid") return y.map((score) => 0.5 * (1 + Math.tanh(score / 2))); // cannot overflow
  if (activation === null) return null;
  for (let from = 0; from < y.length; from += classes) {
    const row = y.subarray(from, from + classes);
    const most = row.reduce((largest, score) => max(largest, score), -Infinity);
    const exponentials = row.map((score) => Math.exp(score - most));
    const all = sum(exponentials);
    row.set(exponentials.map((value) => value / all));
  }
  return y;
}

/**
 * The indices of scores, the highest first.
 *
 * @param {Float32Array} s
 */
export const byScore = (s) => listOf(s.length, Number).sort((one, other) => s[other] - s[one]);
