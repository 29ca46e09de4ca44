import assert from "node:assert/strict";
import { test } from "node:test";

import { colour, Explainer } from "../../web/src/index.js";
import { mapToDraw } from "../../web/src/display.js";
import { bytesOf, cases, modelFile, largestDifference } from "./reference.js";
import { RUNTIMES } from "./runtimes.js";

const { ort } = RUNTIMES["onnxruntime-node"];
const PHOTOGRAPH = {
  data: new Uint8Array(40 * 30 * 3).map((_, index) => (index * 37) % 256),
  width: 40,
  height: 30,
};

/** A canvas that keeps what is put on it. @param {boolean} [hasContext] */
function canvas(hasContext = true) {
  /** @type {any} */
  const fake = { width: 1, height: 1, pixels: null };
  const createImageData = (
    /** @type {number} */ width,
    /** @type {number} */ height,
  ) => ({
    data: new Uint8ClampedArray(width * height * 4),
    width,
    height,
  });
  const putImageData = (/** @type {any} */ image) => (fake.pixels = image);
  fake.getContext = () =>
    hasContext ? { createImageData, putImageData } : null;
  return fake;
}

/** @param {string} model @param {any} [request] */
async function explained(model, request) {
  return (await Explainer.create(bytesOf(modelFile(model)), { ort })).explain(
    PHOTOGRAPH,
    request,
  );
}

test("the colour map is Python's to one part in 255", () => {
  const expected = cases().colours;
  for (let level = 0; level < 256; level++)
    assert.ok(largestDifference(colour(level / 255), expected[level]) <= 1);
  assert.deepEqual(colour(-1), [13, 8, 135]);
  assert.deepEqual(colour(2), [240, 249, 33]);
});

test("a constant map is zeros", () => {
  assert.deepEqual([...mapToDraw(Float32Array.of(3, 3))], [0, 0, 0, 0, 0, 0]);
});

test("a canvas gets the drawing's size and pixels, and is opaque", async () => {
  const explanation = await explained("pooled.onnx");
  const [target, drawing] = [canvas(), explanation.overlay()];
  explanation.overlay(target);
  assert.deepEqual([target.width, target.height], [40, 30]);
  const { data } = target.pixels;
  for (let pixel = 0; pixel < 40 * 30; pixel++) {
    assert.deepEqual(
      [...data.subarray(pixel * 4, pixel * 4 + 4)],
      [...drawing.data.subarray(pixel * 3, pixel * 3 + 3), 255],
    );
  }
});

test("a canvas with another context is an error", async () => {
  const explanation = await explained("pooled.onnx");
  assert.throws(
    () => explanation.overlay(canvas(false)),
    /^PictureError: the canvas has another context than '2d'; give a new one$/,
  );
});

test("the method that was asked for is drawn, at the level that it needs", async () => {
  const explanation = await explained("pooled.onnx", {
    method: "guided-grad-cam",
  });
  assert.equal(explanation.level, 2);
  assert.deepEqual(
    explanation.overlay(),
    explanation.overlay(null, { method: "guided-grad-cam" }),
  );
  assert.equal((await explained("pooled.onnx", { method: "cam" })).level, 1);
});

test("a large photograph is drawn smaller, and its outline can be left out", async () => {
  const explanation = await explained("pooled.onnx");
  const small = explanation.overlay(null, { longest: 20 });
  assert.deepEqual([small.width, small.height], [20, 15]);
  assert.notDeepEqual(
    explanation.overlay(null, { outline: false }),
    explanation.overlay(),
  );
});

test("images of a network whose channels are last are drawn as those of its twin", async () => {
  const [first, last] = [
    await explained("pooled.onnx"),
    await explained("flat.onnx"),
  ];
  const drawings = [first, last].map((explanation) =>
    explanation.overlay(null, { method: "guided-backprop" }),
  );
  assert.ok(largestDifference(drawings[0].data, drawings[1].data) <= 1);
});

test("each image of a batch has its own rows, and its own photograph", async () => {
  const explainer = await Explainer.create(bytesOf(modelFile("pooled.onnx")), {
    ort,
  });
  const other = {
    data: new Uint8Array(20 * 20).fill(90),
    width: 20,
    height: 20,
  };
  const both = await explainer.explain([PHOTOGRAPH, other], { target: [1, 2] });
  assert.deepEqual(both.labels, ["tiger cat", "crane"]);
  assert.equal(both.overlay(null, { row: 1 }).width, 20);
  const alone = await explainer.explain(other, { target: 2 });
  assert.ok(
    largestDifference(
      both.overlay(null, { row: 1 }).data,
      alone.overlay().data,
    ) <= 1,
  );
  assert.ok(Math.abs(both.top(1, 1)[0].score - alone.top(1)[0].score) < 1e-5);
});
