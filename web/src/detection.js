/** Boxes of a raw detection head: decoding, non-maximum suppression, and one box as a target. */

import { TargetError } from "./errors.js";
import { boxOn } from "./geometry.js";
import { clip, listOf, max, min } from "./numbers.js";
import { indexOf } from "./targets.js";
import { quoted } from "./text.js";

// The usual limits of YOLO networks.
const [CONFIDENCE, OVERLAP, MOST] = [0.25, 0.45, 300];
// The anchors that suppression looks at; the others are less confident.
const MOST_CANDIDATES = 4096;

/**
 * @typedef {import("./metadata.js").Metadata} Metadata
 * @typedef {import("./metadata.js").DetectionHead} DetectionHead
 * @typedef {import("./geometry.js").Box} Corners
 *
 * @typedef {object} Limits
 * @property {number} [confidence] The least of a box.
 * @property {number} [overlap] The largest intersection over union of two boxes of one class.
 *
 * @typedef {object} Found A box that a network found.
 * @property {number} c Its class.
 * @property {string} label The class's name.
 * @property {number} confidence The class score, times the objectness if the head has one.
 * @property {Corners} corners In pixels of the model's input.
 * @property {[number, number]} entry The index of the class score among the scores: `element(entry)` explains the box.
 */

/**
 * The boxes after non-maximum suppression, the most confident first. Each anchor counts for its best class. Of two boxes
 * of one class that overlap too much, the less confident one is left out.
 *
 * @param {Float32Array} s The scores of one image.
 * @param {Metadata} metadata
 * @param {Limits} [limits]
 * @returns {Found[]} At most 300.
 * @throws {TargetError} The model has no boxes.
 */
export function foundBoxes(s, metadata, { confidence = CONFIDENCE, overlap = OVERLAP } = {}) {
  const head = headOf(metadata);
  const candidates = listOf(metadata.score_shape[head.anchors], (anchor) => boxAt(anchor, s, head, metadata))
    .filter((box) => box.confidence >= confidence)
    .sort((one, other) => other.confidence - one.confidence);
  /** @type {Found[]} */
  const kept = [];
  for (const box of candidates.slice(0, MOST_CANDIDATES)) {
    if (kept.length === MOST) break;
    if (kept.every(({ c, corners }) => c !== box.c || overlapOf(corners, box.corners) <= overlap)) kept.push(box);
  }
  return kept;
}

/**
 * The target `y` = the class score of one box, after non-maximum suppression.
 *
 * @param {number} [rank] 0 is the most confident box.
 * @param {import("./labels.js").ClassName | null} [label] The class among whose boxes the rank counts; null is any.
 * @param {Limits} [limits]
 * @returns {import("./rows.js").Scalar}
 */
export function detection(rank = 0, label = null, limits = {}) {
  return (metadata) => {
    const { count } = headOf(metadata);
    if (!(Number.isInteger(rank) && rank >= 0))
      throw new TargetError(`the rank of a detection is a whole number from 0, not ${quoted(rank)}`);
    const c = label === null ? null : indexOf(label, count, metadata);
    const of = c === null ? "" : ` of '${metadata.labels?.[c] ?? c}'`;
    const seed = {
      label: "",
      needsScores: true,
      v: (/** @type {Float32Array} */ s) => {
        const boxes = foundBoxes(s, metadata, limits).filter((box) => c === null || box.c === c);
        if (!boxes[rank])
          throw new TargetError(
            `the model finds ${boxes.length || "no"} ${boxes.length === 1 ? "box" : "boxes"}${of} in this image ` +
              `with a confidence of ${limits.confidence ?? CONFIDENCE} or more` +
              (boxes.length ? `, so there is no rank ${rank}; the best box has rank 0, or -1 on the command line` : ""),
          );
        seed.label = boxes[rank].label;
        const [row, column] = boxes[rank].entry;
        return Object.assign(new Float32Array(s.length), { [row * metadata.score_shape[1] + column]: 1 });
      },
    };
    return seed;
  };
}

/**
 * A box of the model's input on the photograph, cut off at its edges.
 *
 * @param {Corners} corners In pixels of the input.
 * @param {import("./draw.js").Photograph} photograph Of `explainer.prepare`.
 * @param {Metadata} metadata
 * @returns {Corners} In pixels of the photograph.
 */
export function onPhotograph(corners, { pixels: { width, height }, placed }, { image }) {
  const seen = boxOn(placed, [width, height]);
  const across = (seen[2] - seen[0]) / image.width;
  const down = (seen[3] - seen[1]) / image.height;
  return [
    clip(seen[0] + corners[0] * across, 0, width),
    clip(seen[1] + corners[1] * down, 0, height),
    clip(seen[0] + corners[2] * across, 0, width),
    clip(seen[1] + corners[3] * down, 0, height),
  ];
}

/**
 * @param {Metadata} metadata
 * @returns {DetectionHead}
 */
function headOf({ detection: head }) {
  if (head) return head;
  throw new TargetError(
    "this model does not say where its boxes are, so it has no detections; export it with detection=…",
  );
}

/**
 * The box of an anchor, for its best class.
 *
 * @param {number} anchor
 * @param {Float32Array} s
 * @param {DetectionHead} head
 * @param {Metadata} metadata
 * @returns {Found}
 */
function boxAt(anchor, s, { anchors, classes, count, boxes, box, objectness }, { score_shape, labels }) {
  const [down, across] = anchors === 0 ? [score_shape[1], 1] : [1, score_shape[1]];
  const value = (/** @type {number} */ at) => s[anchor * down + at * across];
  let c = 0;
  for (let other = 1; other < count; other++) if (value(classes + other) > value(classes + c)) c = other;
  const [x, y, z, w] = [0, 1, 2, 3].map((at) => value(boxes + at));
  return {
    c,
    label: labels?.[c] ?? String(c),
    confidence: value(classes + c) * (objectness == null ? 1 : value(objectness)),
    corners: box === "corners" ? [x, y, z, w] : [x - z / 2, y - w / 2, x + z / 2, y + w / 2],
    entry: anchors === 0 ? [anchor, classes + c] : [classes + c, anchor],
  };
}

/**
 * Intersection over union of two boxes; zero where both are empty.
 *
 * @param {Corners} one
 * @param {Corners} other
 */
function overlapOf(one, other) {
  const [left, top] = [0, 1].map((at) => max(one[at], other[at]));
  const [right, bottom] = [2, 3].map((at) => min(one[at], other[at]));
  const shared = areaOf([left, top, right, bottom]);
  const union = areaOf(one) + areaOf(other) - shared;
  return union > 0 ? shared / union : 0;
}

/** @param {Corners} corners */
const areaOf = ([left, top, right, bottom]) => max(right - left, 0) * max(bottom - top, 0);
