import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import { Explainer } from "../../web/src/index.js";
import {
  arrayOf,
  bytesOf,
  cases,
  DEFAULT_MODEL,
  imageOf,
  largestDifference,
  relativeError,
} from "./reference.js";
import { RUNTIMES } from "./runtimes.js";

// ONNX Runtime computes in another order in each of its builds. Only the masks of guided backpropagation are sensitive
// to that: a value at the edge of a ReLU6 flips one.
const TOLERANCE = 1e-5;
const GUIDED_TOLERANCE = 2e-3;

const CASES = cases().explanations;

for (const [runtime, options] of Object.entries(RUNTIMES)) {
  describe(runtime, () => {
    /** @type {Explainer} */
    let explainer;
    before(async () => {
      explainer = await Explainer.create(bytesOf(DEFAULT_MODEL), options);
    });

    for (const {
      name,
      image,
      target,
      classIndex,
      labels,
      top,
      arrays,
    } of CASES) {
      test(`${name}, ${target}: all values are Python's`, async () => {
        const got = await explainer.explain(imageOf(image), { target });
        assert.deepEqual(got.classIndex, classIndex);
        assert.deepEqual(got.labels, labels);
        assert.deepEqual(
          got.top().map(({ label }) => label),
          top.map((/** @type {any} */ item) => item.label),
        );
        assert.ok(
          Math.abs(Number(got.top()[0].probability) - top[0].probability) <
            TOLERANCE,
        );
        const close = (
          /** @type {any} */ values,
          /** @type {string} */ key,
          tolerance = TOLERANCE,
        ) => {
          if (values.dims) assert.deepEqual(values.dims, arrays[key].dims, key);
          const error = relativeError(
            values.data ?? values,
            arrayOf(arrays[key]),
          );
          assert.ok(error <= tolerance, `${key}: ${error}`);
        };
        close(got.scores, "scores");
        close(got.probabilities, "probabilities");
        close(got.outputs["onnxcam.activations/features"], "activations");
        close(got.outputs["onnxcam.gradients/features"], "gradients");
        close(got.compute(), "grad-cam");
        close(got.compute("grad-cam", { relu: false }), "signed-grad-cam");
        close(got.compute("cam"), "cam");
        close(
          got.compute("guided-backprop"),
          "guided-backprop",
          GUIDED_TOLERANCE,
        );
        close(
          got.compute("guided-grad-cam"),
          "guided-grad-cam",
          GUIDED_TOLERANCE,
        );
      });

      test(`${name}, ${target}: the drawings are Python's to one part in 255`, async () => {
        const got = await explainer.explain(imageOf(image), { target });
        const overlay = got.overlay(null, { row: classIndex.length - 1 });
        assert.ok(
          largestDifference(overlay.data, arrayOf(arrays.overlay)) <= 1,
        );
        const guided = got.overlay(null, { method: "guided-backprop" });
        assert.ok(
          largestDifference(
            guided.data,
            arrayOf(arrays["overlay-of-guided-backprop"]),
          ) <= 1,
        );
      });
    }
  });
}
