import assert from "node:assert/strict";
import { test } from "node:test";

import { boxOn } from "../../web/src/geometry.js";
import { asType } from "../../web/src/numbers.js";
import { readPixels } from "../../web/src/pixels.js";
import { preprocess } from "../../web/src/preprocess.js";
import { arrayOf, cases, imageOf, largestDifference } from "./reference.js";

const CASES = cases();

for (const { name, metadata, pixels, input, box } of CASES.preprocessings) {
  test(`the input is Python's: ${name}`, () => {
    const image = imageOf(pixels);
    const { data, photographs } = preprocess([image], metadata);
    assert.equal(
      largestDifference(
        asType(data, metadata.image.dtype),
        bitsOf(input, metadata.image.dtype),
      ),
      0,
    );
    assert.deepEqual(
      boxOn(photographs[0].placed, [image.width, image.height]),
      box,
    );
  });
}

test("what is transparent becomes white as in Python", () => {
  const { image, rgb } = CASES.transparent;
  assert.deepEqual([...readPixels(imageOf(image)).data], [...arrayOf(rgb)]);
});

/**
 * An input as it is handed to ONNX Runtime: Python wrote half precision as numbers, and JavaScript takes its bits.
 *
 * @param {any} description
 * @param {string} dtype
 */
function bitsOf(description, dtype) {
  const values = arrayOf(description);
  return dtype === "float16" ? asType(values, dtype) : values;
}
