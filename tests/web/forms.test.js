import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Explainer } from "../../web/src/index.js";
import {
  arrayOf,
  bytesOf,
  cases,
  modelFile,
  largestDifference,
  relativeError,
} from "./reference.js";
import { RUNTIMES } from "./runtimes.js";

const TOLERANCE = 1e-5;

// Captum's toy network, whose explanations are published numbers.
const GUIDED = [0, 1, 1, 1, 1, 3, 3, 2, 1, 3, 3, 2, 1, 2, 2, 1];
const MAP = [11.25, 13.5, 20.25, 22.5];

for (const [runtime, options] of Object.entries(RUNTIMES)) {
  const { ort } = options;
  describe(runtime, () => {
    for (const { name, model, tensor, classIndex, arrays } of cases()
      .smallModels) {
      test(`${name}: two images with a class each give Python's values`, async () => {
        const explainer = await Explainer.create(arrayOf(model), options);
        const input = new ort.Tensor("float32", arrayOf(tensor), tensor.dims);
        const got = await explainer.explain(input, { target: [1, -1] });
        assert.deepEqual(got.classIndex, classIndex);
        for (const [key, description] of Object.entries(arrays)) {
          const own = {
            scores: { data: got.scores },
            "input gradient": got.inputGradient,
          };
          const { data } =
            own[/** @type {keyof typeof own} */ (key)] ??
            got.compute(/** @type {any} */ (key));
          const expected = arrayOf(description);
          assert.ok(
            relativeError(data, expected) < TOLERANCE,
            `${key}: ${relativeError(data, expected)}`,
          );
        }
        await explainer.close();
      });
    }

    test("the toy network's published numbers", async () => {
      const explainer = await Explainer.create(
        bytesOf(modelFile("toy.onnx")),
        options,
      );
      const input = new ort.Tensor(
        "float32",
        Float32Array.from({ length: 16 }, (_, index) => index),
        [1, 1, 4, 4],
      );
      const got = await explainer.explain(input, { target: 0 });
      assert.equal(
        largestDifference(got.compute("guided-backprop").data, GUIDED),
        0,
      );
      assert.ok(
        largestDifference(
          got.compute("grad-cam", { layer: "conv1" }).data,
          MAP,
        ) < TOLERANCE,
      );
    });

    test("runs that are asked for at once all end", async () => {
      const explainer = await Explainer.create(
        bytesOf(modelFile("toy.onnx")),
        options,
      );
      const input = new ort.Tensor(
        "float32",
        new Float32Array(16).fill(9),
        [1, 1, 4, 4],
      );
      const all = await Promise.all(
        [0, 1, 2, 3].map((target) => explainer.explain(input, { target })),
      );
      assert.deepEqual(
        all.flatMap((explanation) => explanation.classIndex),
        [0, 1, 2, 3],
      );
    });

    test("a run waits for the one before, since onnxruntime-web refuses a second one on WebGPU", async () => {
      let [running, most] = [0, 0];
      const tell = (/** @type {number} */ change) => {
        running += change;
        most = Math.max(most, running);
      };
      const explainer = await Explainer.create(bytesOf(modelFile("toy.onnx")), {
        ...options,
        ort: watched(ort, tell),
      });
      const input = new ort.Tensor(
        "float32",
        new Float32Array(16).fill(9),
        [1, 1, 4, 4],
      );
      await Promise.all([
        explainer.explain(input),
        explainer.explain(input),
        explainer.explain(input),
      ]);
      assert.deepEqual([running, most], [0, 1]);
    });

    test("bytes that were opened once can be opened again", async () => {
      const bytes = bytesOf(modelFile("toy.onnx"));
      await Explainer.create(bytes.buffer, options);
      const again = await Explainer.create(bytes, options);
      assert.equal(again.metadata.classes, 4);
    });
  });
}

/**
 * An ONNX Runtime that tells when a run begins and ends.
 *
 * @param {any} ort
 * @param {(change: number) => void} tell
 */
function watched(ort, tell) {
  const create = async (
    /** @type {any} */ bytes,
    /** @type {any} */ options,
  ) => {
    const session = await ort.InferenceSession.create(bytes, options);
    const run = async (/** @type {any} */ feeds, /** @type {any} */ names) => {
      assert.equal(names, undefined); // onnxruntime-node 1.18 to 1.23 confuses outputs that are named
      tell(1);
      const outputs = await session.run(feeds);
      tell(-1);
      return outputs;
    };
    return {
      inputNames: session.inputNames,
      outputNames: session.outputNames,
      run,
    };
  };
  return { Tensor: ort.Tensor, InferenceSession: { create } };
}
