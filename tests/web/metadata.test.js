import assert from "node:assert/strict";
import { test } from "node:test";

import { metadataText } from "../../web/src/artifact.js";
import { ModelError } from "../../web/src/index.js";
import { imageShape, readMetadata } from "../../web/src/metadata.js";
import { bytesOf, modelFile, DEFAULT_MODEL } from "./reference.js";

const VALID = JSON.parse(
  metadataText(bytesOf(modelFile("pooled.onnx")), "the model"),
);

/** @type {[string, unknown][]} */
const BROKEN = [
  ["image", null],
  ["image.name", 7],
  ["image.layout", "CHWN"],
  ["image.height", 0],
  ["image.height", 8.5],
  ["image.width", 2 ** 25],
  ["image.channels", "3"],
  ["image.batch", -1],
  ["layers", []],
  ["layers", "features"],
  ["layers.0", null],
  ["layers.0.name", null],
  ["layers.0.shape", [4, 8, 0]],
  ["classes", 0],
  ["classes", undefined],
  ["classes", 4],
  ["score_shape", [5, 0]],
  ["labels", ["cat"]],
  ["labels.2", 3],
  ["preprocessing", 5],
  ["preprocessing.resize", 0],
  ["preprocessing.resize", [8, 8, 8]],
  ["preprocessing.crop", "8"],
  ["preprocessing.interpolation", "magic"],
  ["preprocessing.interpolation", "toString"],
  ["preprocessing.mean", [0.5]],
  ["preprocessing.mean.1", null],
  ["preprocessing.std", [0.25, 0, 0.25]],
  ["preprocessing.scale", 0],
  ["preprocessing.std.0", "1"],
  ["preprocessing.letterbox", "grey"],
  ["level", 3],
  ["highest", 3],
  ["highest", 1.5],
];

// The field that the message names, where it is another.
const PLACES = { score_shape: "classes", highest: "level" };

test("what the export wrote is read as it is", () => {
  assert.deepEqual(readMetadata(JSON.stringify(VALID)), VALID);
  assert.equal(
    readMetadata(metadataText(bytesOf(DEFAULT_MODEL), "the model"))
      .labels?.[967],
    "espresso",
  );
});

test("scores that are not of classes have another shape, and any number of labels", () => {
  const dense = {
    ...VALID,
    classes: null,
    score_shape: [4, 8, 8],
    labels: ["sky"],
  };
  assert.deepEqual(readMetadata(JSON.stringify(dense)), dense);
});

test("the shape of class scores may be left out", () => {
  const { score_shape } = readMetadata(
    JSON.stringify({ ...VALID, score_shape: null }),
  );
  assert.deepEqual(score_shape, [5]);
});

test("one score with two labels is the second's", () => {
  const binary = {
    ...VALID,
    classes: 1,
    score_shape: [1],
    labels: ["healthy", "ill"],
  };
  assert.deepEqual(readMetadata(JSON.stringify(binary)).labels, ["ill"]);
});

for (const [place, value] of BROKEN) {
  test(`metadata whose ${place} is ${JSON.stringify(value)} is damaged`, () => {
    const field =
      /** @type {Record<string, string>} */ (PLACES)[place] ??
      place.split(".")[0];
    assert.throws(
      () => readMetadata(JSON.stringify(changed(place, value))),
      new ModelError(
        `the model's onnxcam metadata is damaged (${field}); export the model again with onnxcam-export`,
      ),
    );
  });
}

test("a signal and a volume have shapes of their own", () => {
  const signal = {
    ...VALID.image,
    layout: "NLC",
    channels: 2,
    height: 1,
    width: 9,
  };
  const volume = { ...VALID.image, layout: "NDHW", channels: 1, depth: 4 };
  assert.deepEqual(
    imageShape(
      readMetadata(
        JSON.stringify({ ...VALID, image: signal, preprocessing: null }),
      ).image,
    ),
    [9, 2],
  );
  assert.deepEqual(
    imageShape(
      readMetadata(
        JSON.stringify({ ...VALID, image: volume, preprocessing: null }),
      ).image,
    ),
    [4, 8, 8],
  );
  assert.throws(
    () =>
      readMetadata(
        JSON.stringify({ ...VALID, image: { ...volume, depth: null } }),
      ),
    /damaged \(image\)/,
  );
});

test("BGR needs one channel or three", () => {
  const two = changed("image.channels", 2);
  Object.assign(two.preprocessing, { mean: [0, 0], std: [1, 1] });
  assert.throws(
    () => readMetadata(JSON.stringify(two)),
    /damaged \(preprocessing\)/,
  );
});

test("text that is no JSON, or no object, is damaged", () => {
  for (const text of ["", "{", "NaN", "null", "[]", "7"])
    assert.throws(() => readMetadata(text), /metadata is damaged \(/);
});

test("another schema says what to do", () => {
  assert.throws(
    () => readMetadata(JSON.stringify({ schema: 99 })),
    /^ModelError: the model was written for onnxcam metadata schema 99, .*; upgrade it with 'npm install onnxcam@latest'$/,
  );
  assert.throws(
    () => readMetadata(JSON.stringify({ ...VALID, schema: 1 })),
    /^ModelError: the model was written for onnxcam metadata schema 1, .*; export the model again with onnxcam-export$/,
  );
});

/**
 * The metadata with one field changed.
 *
 * @param {string} place
 * @param {unknown} value
 */
function changed(place, value) {
  const copy = structuredClone(VALID);
  const path = place.split(".");
  const last = /** @type {string} */ (path.pop());
  path.reduce((part, name) => part[name], copy)[last] = value;
  return copy;
}

test("the results of sanity checks, and other fields that are not used here, are let through", () => {
  const methods = {
    "grad-cam": { classes: 0.1, classifier: 0.2, unsigned: 0.3, network: 0 },
  };
  const sanity = { pictures: 3, methods, by: "onnxcam 0.1.0" };
  const read = readMetadata(JSON.stringify({ ...VALID, sanity }));
  assert.deepEqual(read.layers, VALID.layers);
});
