import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Explainer } from "../../web/src/index.js";
import { arrayOf, bytesOf, cases, dataFile, largestDifference, relativeError } from "./reference.js";
import { RUNTIMES } from "./runtimes.js";

const TOLERANCE = 1e-5;

// Captum's toy network, whose explanations are published numbers.
const GUIDED = [0, 1, 1, 1, 1, 3, 3, 2, 1, 3, 3, 2, 1, 2, 2, 1];
const MAP = [11.25, 13.5, 20.25, 22.5];

for (const [runtime, ort] of Object.entries(RUNTIMES)) {
  describe(runtime, () => {
    for (const { name, model, tensor, classIndex, arrays } of cases().smallModels) {
      test(`${name}: two images with a class each give Python's values`, async () => {
        const explainer = await Explainer.create(arrayOf(model), { ort });
        const input = new ort.Tensor("float32", arrayOf(tensor), tensor.dims);
        const got = await explainer.explain(input, { target: [1, -1] });
        assert.deepEqual(got.classIndex, classIndex);
        for (const [key, description] of Object.entries(arrays)) {
          const own = { scores: { data: got.scores }, "input gradient": got.inputGradient };
          const { data } = own[/** @type {keyof typeof own} */ (key)] ?? got.compute(/** @type {any} */ (key));
          const expected = arrayOf(description);
          assert.ok(relativeError(data, expected) < TOLERANCE, `${key}: ${relativeError(data, expected)}`);
        }
        await explainer.close();
      });
    }

    test("the toy network's published numbers", async () => {
      const explainer = await Explainer.create(bytesOf(dataFile("toy.onnx")), { ort });
      const input = new ort.Tensor("float32", Float32Array.from({ length: 16 }, (_, index) => index), [1, 1, 4, 4]);
      const got = await explainer.explain(input, { target: 0 });
      assert.equal(largestDifference(got.compute("guided-backprop").data, GUIDED), 0);
      assert.ok(largestDifference(got.compute("grad-cam", { layer: "conv1" }).data, MAP) < TOLERANCE);
    });

    test("runs that are asked for at once all end", async () => {
      const explainer = await Explainer.create(bytesOf(dataFile("toy.onnx")), { ort });
      const input = new ort.Tensor("float32", new Float32Array(16).fill(9), [1, 1, 4, 4]);
      const all = await Promise.all([0, 1, 2, 3].map((target) => explainer.explain(input, { target })));
      assert.deepEqual(all.flatMap((explanation) => explanation.classIndex), [0, 1, 2, 3]);
    });

    test("bytes that were opened once can be opened again", async () => {
      const bytes = bytesOf(dataFile("toy.onnx"));
      await Explainer.create(bytes.buffer, { ort });
      const again = await Explainer.create(bytes, { ort });
      assert.equal(again.metadata.classes, 4);
    });
  });
}
