import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as detections from "../../web/src/detection.js";
import { Explainer, TargetError } from "../../web/src/index.js";
import * as targets from "../../web/src/targets.js";
import {
  arrayOf,
  bytesOf,
  cases,
  imageOf,
  modelFile,
  relativeError,
  ROOT,
} from "./reference.js";
import { RUNTIMES } from "./runtimes.js";

const TOLERANCE = 1e-5;
const GUIDED_TOLERANCE = 2e-3;
// Python adds a map up in single precision, and here its terms nearly cancel.
const MAP_TOLERANCE = 3e-5;
const { ort } = RUNTIMES["onnxruntime-node"];

/** The target that a case of reference.py describes. @param {any} item */
function target(item) {
  if (!Array.isArray(item)) return item;
  const [name, ...given] = item;
  const values = given.map((argument) =>
    argument?.file ? arrayOf(argument) : argument,
  );
  return /** @type {any} */ ({ ...targets, ...detections })[name](...values);
}

for (const [runtime, options] of Object.entries(RUNTIMES)) {
  describe(runtime, () => {
    for (const {
      model,
      image,
      target: asked,
      classIndex,
      labels,
      boxes,
      arrays,
    } of cases().scalars) {
      test(`${model}, ${asked.map((/** @type {any} */ item) => [item].flat()[0])}: all values are Python's`, async () => {
        const explainer = await Explainer.create(
          bytesOf(new URL(model, ROOT)),
          options,
        );
        const got = await explainer.explain(imageOf(image), {
          target: asked.map(target),
        });
        assert.deepEqual(got.classIndex, classIndex);
        assert.deepEqual(got.labels, labels);
        const close = (
          /** @type {ArrayLike<number>} */ values,
          /** @type {string} */ key,
          limit = TOLERANCE,
        ) => {
          const error = relativeError(values, arrayOf(arrays[key]));
          assert.ok(error <= limit, `${key}: ${error}`);
        };
        close(got.scores, "scores");
        close(got.outputs["onnxcam.gradients/features"].data, "gradients");
        close(got.compute("grad-cam").data, "grad-cam", MAP_TOLERANCE);
        close(
          got.compute("guided-backprop").data,
          "guided-backprop",
          GUIDED_TOLERANCE,
        );
        close(
          got.compute("guided-grad-cam").data,
          "guided-grad-cam",
          GUIDED_TOLERANCE,
        );
        if (boxes.length)
          sameBoxes(detections.foundBoxes(got.scores, got.metadata), boxes);
        await explainer.close();
      });
    }
  });
}

/** @param {import("../../web/src/detection.js").Found[]} got @param {any[]} expected */
function sameBoxes(got, expected) {
  assert.deepEqual(
    got.map(({ c, entry }) => ({ c, entry })),
    expected.map(({ c, entry }) => ({ c, entry })),
  );
  const numbers = (/** @type {any[]} */ boxes) =>
    boxes.flatMap(({ confidence, corners }) => [confidence, ...corners]);
  assert.ok(relativeError(numbers(got), numbers(expected)) < TOLERANCE);
}

for (const { model, target: asked, message } of cases().scalarErrors) {
  test(`${model}, ${JSON.stringify(asked).slice(0, 60)}: the error has Python's words`, async () => {
    const explainer = await Explainer.create(
      bytesOf(modelFile(`${model}.onnx`)),
      { ort },
    );
    const image = imageOf(cases().scalars[0].image);
    const flat = asked.map((/** @type {any} */ item) =>
      Array.isArray(item) ? item.flat() : item,
    );
    await assert.rejects(
      explainer.explain(image, { target: target(flat) }),
      new TargetError(message),
    );
  });
}

test("several images take one scalar, one each, and ranks beside scalars", async () => {
  const explainer = await Explainer.create(bytesOf(modelFile("pooled.onnx")), {
    ort,
  });
  const images = [0, 1].map((seed) => ({
    data: noise(seed),
    width: 12,
    height: 10,
  }));
  const alone = await Promise.all(
    images.map((image, at) =>
      explainer.explain(image, { target: at ? -2 : targets.contrast(0, 4) }),
    ),
  );
  const both = await explainer.explain(images, {
    target: [targets.contrast(0, 4), -2],
  });
  assert.deepEqual(both.labels, [alone[0].labels[0], alone[1].labels[0]]);
  const expected = alone.flatMap((one) => [
    ...one.compute("guided-backprop").data,
  ]);
  assert.ok(
    relativeError(both.compute("guided-backprop").data, expected) < TOLERANCE,
  );
  const same = await explainer.explain(images, { target: targets.negative(3) });
  assert.deepEqual(same.labels, ["not crane", "not crane"]);
});

test("scores that are not of classes need no target at level 0", async () => {
  const explainer = await Explainer.create(bytesOf(modelFile("dense.onnx")), {
    ort,
  });
  const image = { data: noise(0), width: 12, height: 10 };
  const got = await explainer.explain([image, image], { level: 0 });
  assert.equal(got.scores.length, 2 * 3 * 8 * 8);
  assert.equal(got.probabilities, null);
  assert.deepEqual(got.top(), []);
  await assert.rejects(
    explainer.explain(image),
    /^TargetError: this model's scores are \[3,8,8\] and not one/,
  );
});

test("what is prepared once gives the same as the image itself", async () => {
  const explainer = await Explainer.create(bytesOf(modelFile("pooled.onnx")), {
    ort,
  });
  const image = { data: noise(0), width: 12, height: 10 };
  const [one, other] = [
    await explainer.explain(explainer.prepare(image)),
    await explainer.explain(image),
  ];
  assert.deepEqual(one.overlay(), other.overlay());
});

test("an overlap of boxes is the shared area over that of both", () => {
  const head = {
    anchors: 0,
    classes: 4,
    count: 2,
    boxes: 0,
    box: "corners",
    objectness: 6,
  };
  const metadata = /** @type {any} */ ({
    detection: head,
    score_shape: [4, 7],
    labels: null,
  });
  const rows = [
    [0, 0, 10, 10, 0.9, 0.1, 1],
    [0, 0, 10, 5, 0.8, 0.1, 1], // half of the first: 0.5 is too much
    [0, 0, 10, 5, 0.1, 0.8, 1], // another class
    [20, 0, 30, 10, 0.9, 0, 0.2], // not confident enough
  ];
  const found = (/** @type {any} */ limits) =>
    detections.foundBoxes(Float32Array.from(rows.flat()), metadata, limits);
  assert.deepEqual(
    found({}).map(({ entry }) => entry),
    [
      [0, 4],
      [2, 5],
    ],
  );
  assert.equal(found({ overlap: 0.5 }).length, 3);
  assert.equal(found({ confidence: 0.1 }).length, 3);
});

test("a box of a letterboxed input lies on the photograph", async () => {
  const explainer = await Explainer.create(
    bytesOf(modelFile("detector.onnx")),
    { ort },
  );
  const { photographs } = explainer.prepare({
    data: new Uint8Array(64 * 32 * 3),
    width: 64,
    height: 32,
  });
  // 64 by 32 pixels are the rows 4 to 12 of 16 by 16.
  const on = (/** @type {any} */ corners) =>
    detections.onPhotograph(corners, photographs[0], explainer.metadata);
  assert.deepEqual(on([0, 4, 16, 12]), [0, 0, 64, 32]);
  assert.deepEqual(on([4, 0, 8, 8]), [16, 0, 32, 16]);
});

/** Pixels of 12 by 10. @param {number} seed */
function noise(seed) {
  return new Uint8Array(12 * 10 * 3).map(
    (_, index) => ((index + 7) * (37 + seed)) % 256,
  );
}
