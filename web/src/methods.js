/** The levels of a run, and the methods of explanation by their names on the command line. */

import { MethodError } from "./errors.js";
import { quoted } from "./text.js";

/**
 * @typedef {import("./metadata.js").Metadata} Metadata
 * @typedef {0 | 1 | 2} Level 0: the scores. 1: also the layers. 2: also the gradient at the input.
 * @typedef {keyof typeof LEVELS} Method
 */

/** The methods, and the lowest level of a run that gives each. */
const LEVELS = /** @type {const} */ ({ "grad-cam": 1, cam: 1, "guided-backprop": 2, "guided-grad-cam": 2 });

/** The names of the methods. */
export const METHODS = /** @type {Method[]} */ (Object.keys(LEVELS));

/**
 * The level of a run.
 *
 * @param {Level | undefined} level Undefined is what the method needs, or else the highest that the model has.
 * @param {Method | undefined} method
 * @param {Metadata} metadata
 * @returns {Level}
 * @throws {MethodError} There is no such level or method, or the model does not have it.
 */
export function levelOfRun(level, method, metadata) {
  const highest = metadata.level ?? metadata.highest;
  if (method) checkMethod(method, metadata, level ?? highest);
  const chosen = level ?? (method ? LEVELS[method] : highest);
  if (![0, 1, 2].includes(chosen)) {
    throw new MethodError(`the level is 0 (scores), 1 (Grad-CAM) or 2 (guided backpropagation), not ${quoted(level)}`);
  }
  if (chosen > highest) throw new MethodError(`this model is fixed at level ${highest} and has no level ${level}`);
  return chosen;
}

/**
 * Checks that a model and a level have a method.
 *
 * @param {Method} method
 * @param {Metadata} metadata
 * @param {number} level
 */
export function checkMethod(method, { cam_layer, input_gradient }, level) {
  if (!METHODS.includes(method))
    throw new MethodError(`there is no method ${quoted(method)}; there are ${METHODS.join(", ")}`);
  if (method === "cam" && cam_layer === null) {
    throw new MethodError(
      "this model has no CAM, which needs a network that ends in global average pooling and one linear layer; use Grad-CAM",
    );
  }
  if (LEVELS[method] === 2 && input_gradient !== "guided") {
    throw new MethodError(
      `this model has no guided backpropagation, since its gradient at the input is ${input_gradient}; use inputGradient`,
    );
  }
  if (LEVELS[method] > level) {
    throw new MethodError(`${method} needs level ${LEVELS[method]}, and this is of level ${level}`);
  }
}
