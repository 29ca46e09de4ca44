/** What can be explained on a photograph: classes, the boxes that were found, or the classes that win at some places. */

import { foundBoxes, onPhotograph } from "../src/detection.js";
import { element, region } from "../src/targets.js";

/**
 * @typedef {import("../src/explanation.js").Explanation} Explanation
 * @typedef {import("../src/metadata.js").Metadata} Metadata
 *
 * @typedef {object} Choice
 * @property {string} label
 * @property {number | null} share The probability, the confidence, or the share of the places.
 * @property {import("../src/rows.js").Target} target
 * @property {number[]} [box] Left, top, right and bottom, as shares of the photograph's sides.
 */

/**
 * All that can be explained, best first.
 *
 * @param {Explanation} explanation Of one image, at any level.
 * @param {import("../src/draw.js").Photograph} photograph
 * @returns {Choice[]}
 */
export function choicesOf(explanation, photograph) {
  const { metadata, scores } = explanation;
  if (metadata.classes !== null) return classes(explanation, metadata.classes);
  return metadata.detection ? boxes(scores, photograph, metadata) : places(scores, metadata);
}

/** @param {Explanation} explanation @param {number} count @returns {Choice[]} */
function classes(explanation, count) {
  return explanation.top(count).map(({ index, label, probability }) => ({ label, share: probability, target: index }));
}

/** @param {Float32Array} scores @param {import("../src/draw.js").Photograph} photograph @param {Metadata} metadata */
function boxes(scores, photograph, metadata) {
  const { width, height } = photograph.pixels;
  return foundBoxes(scores, metadata).map(({ label, confidence, corners, entry }) => ({
    label,
    share: confidence,
    target: element(entry),
    box: onPhotograph(corners, photograph, metadata).map((edge, at) => edge / (at % 2 ? height : width)),
  }));
}

/** @param {Float32Array} scores [C, ...places]. @param {Metadata} metadata @returns {Choice[]} */
function places(scores, { score_shape: [channels], labels }) {
  const count = scores.length / channels;
  const won = new Array(channels).fill(0);
  for (let place = 0; place < count; place++) {
    let best = 0;
    for (let channel = 1; channel < channels; channel++)
      if (scores[channel * count + place] > scores[best * count + place]) best = channel;
    won[best]++;
  }
  return won
    .map((places, index) => ({ label: labels?.[index] ?? String(index), share: places / count, target: region(index) }))
    .filter(({ share }) => share > 0)
    .sort((one, other) => other.share - one.share);
}
