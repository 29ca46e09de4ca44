import assert from "node:assert/strict";
import { test } from "node:test";

import { TargetError } from "../../web/src/index.js";
import { resolveTargets } from "../../web/src/rows.js";
import { cases } from "./reference.js";

const LABELS = [
  "tabby, tabby cat",
  "tiger cat",
  "crane",
  "crane",
  "tiger, Panthera tigris",
];
const MODEL = /** @type {any} */ ({
  classes: 5,
  labels: LABELS,
  score_shape: [5],
});

for (const { target, labels, message } of cases().targetErrors) {
  test(`the error about ${JSON.stringify(target)} has Python's words`, () => {
    assert.throws(
      () => resolveTargets(target, 1, { ...MODEL, labels }),
      new TargetError(message),
    );
  });
}

test("a class, a rank, a label in any case, a synonym, and a list of these", () => {
  assert.deepEqual(resolveTargets(3, 1, MODEL), [3]);
  assert.deepEqual(resolveTargets(-5, 1, MODEL), [-5]);
  assert.deepEqual(resolveTargets(" Tiger CAT ", 1, MODEL), [1]);
  assert.deepEqual(
    resolveTargets([0, "tabby", "panthera tigris", -1], 1, MODEL),
    [0, 0, 4, -1],
  );
});

test("several images take one target, or one each", () => {
  assert.deepEqual(resolveTargets(2, 3, MODEL), [2]);
  assert.deepEqual(resolveTargets([2, 1, 0], 3, MODEL), [2, 1, 0]);
  assert.throws(
    () => resolveTargets([2, 1], 3, MODEL),
    /^TargetError: 2 targets do not fit 3 images; /,
  );
});

test("an unknown class suggests those that contain its letters", () => {
  assert.throws(
    () => resolveTargets("tiger c", 1, MODEL),
    new TargetError("there is no class 'tiger c'; did you mean 'tiger cat'?"),
  );
});

test("an unknown class without a likely name says where the names are", () => {
  assert.throws(
    () => resolveTargets("zebra", 1, MODEL),
    /there is no class 'zebra'; explainer\.labels lists the classes$/,
  );
  assert.throws(
    () => resolveTargets("", 1, MODEL),
    /there is no class ''; explainer\.labels lists the classes$/,
  );
});

test("a message has no characters that a terminal obeys, and is not long", () => {
  assert.throws(
    () => resolveTargets("\u001b[31m\n" + "x".repeat(9999), 1, MODEL),
    (/** @type {Error} */ error) =>
      !/\p{C}/u.test(error.message) && error.message.length < 400,
  );
});

test("a class of a model without classes says what to give", () => {
  assert.throws(
    () =>
      resolveTargets(0, 1, { ...MODEL, classes: null, score_shape: [7, 64] }),
    new TargetError(
      "this model's scores are [7,64] and not one for each class; give a region, an element or linear of onnxcam/targets",
    ),
  );
});
