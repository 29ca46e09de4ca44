import assert from "node:assert/strict";
import { test } from "node:test";

import { metadataText, requireInputs } from "../../web/src/artifact.js";
import { arrayOf, bytesOf, cases, modelFile } from "./reference.js";

const pooled = () => bytesOf(modelFile("pooled.onnx"));

test("the metadata is the JSON that the export wrote", () => {
  assert.equal(JSON.parse(metadataText(pooled(), "the model")).classes, 5);
});

test("a byte for each added input is changed, and none the second time", () => {
  const bytes = pooled();
  requireInputs(bytes);
  assert.equal(
    pooled().filter((byte, index) => byte !== bytes[index]).length,
    3,
  );
  const again = bytes.slice();
  requireInputs(again);
  assert.deepEqual(again, bytes);
});

test("a file whose inputs are required already stays as it is", () => {
  const { model } = cases().smallModels.find(
    (/** @type {any} */ item) => item.name === "fixed and required",
  );
  const bytes = arrayOf(model);
  requireInputs(bytes);
  assert.deepEqual(bytes, arrayOf(model));
});

test("a model without our metadata says how to make an explainer model", () => {
  assert.throws(
    () => metadataText(new Uint8Array(0), "cat.onnx"),
    /^ModelError: cat\.onnx is not an explainer model; make one of it with 'onnxcam export' \(pip install onnxcam-export\)$/,
  );
});

test("a truncated file, a picture, and a varint without an end are no models", () => {
  const bytes = pooled();
  const others = [
    bytes.subarray(0, 100),
    Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16),
    new Uint8Array(20).fill(0x80),
  ];
  for (const other of others) {
    assert.throws(
      () => metadataText(other, "the model"),
      /^Error: it is not an ONNX file, or is damaged$/,
    );
  }
});
