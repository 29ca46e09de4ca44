import assert from "node:assert/strict";
import { before, test } from "node:test";

import { metadataText } from "../../web/src/artifact.js";
import { Explainer, OnnxCamError } from "../../web/src/index.js";
import { arrayOf, bytesOf, cases, modelFile } from "./reference.js";
import { RUNTIMES } from "./runtimes.js";

const { ort } = RUNTIMES["onnxruntime-node"];
const IMAGE = { data: new Uint8Array(12 * 10 * 3), width: 12, height: 10 };

/** @type {Record<string, Explainer>} */
const models = {};

before(async () => {
  for (const { name, model } of cases().smallModels)
    models[name] = await Explainer.create(arrayOf(model), { ort });
});

/** @type {[string, () => any, RegExp][]} */
const MISTAKES = [
  [
    "a method that does not exist",
    () => explain({ method: "lime" }),
    /^MethodError: there is no method 'lime'; there are grad-cam, cam, /,
  ],
  [
    "a level that does not exist",
    () => explain({ level: 3 }),
    /^MethodError: the level is 0 \(scores\), 1 \(Grad-CAM\) or 2 .*, not 3$/,
  ],
  [
    "a level above the fixed one",
    () => explain({ level: 2 }, "fixed"),
    /^MethodError: this model is fixed at level 1 and has no level 2$/,
  ],
  [
    "a method above the fixed level",
    () => explain({ method: "guided-backprop" }, "fixed"),
    /^MethodError: guided-backprop needs level 2, and/,
  ],
  [
    "a method above the level",
    async () => (await explain({ level: 0 })).compute(),
    /^MethodError: grad-cam needs level 1, and this is of level 0$/,
  ],
  [
    "guided backpropagation of a plain gradient",
    async () => (await run("plain")).compute("guided-backprop"),
    /gradient at the input is plain; use inputGradient$/,
  ],
  [
    "CAM of a network that has none",
    async () => (await run("toy")).compute("cam"),
    /^MethodError: this model has no CAM, which needs/,
  ],
  [
    "a layer that does not exist",
    async () => (await explain({})).compute("grad-cam", { layer: "x" }),
    /^LayerError: the model has no target layer 'x'; it has features$/,
  ],
  [
    "a row that does not exist",
    async () => (await explain({})).overlay(null, { row: 1 }),
    /^TargetError: there is no row 1; the explanation has the rows 0 to 0$/,
  ],
  [
    "an overlay of a tensor",
    async () => (await run("toy")).overlay(),
    /^MethodError: an overlay needs a photograph, and a tensor was explained/,
  ],
  [
    "an image for a model without preprocessing",
    () => explain({}, "toy"),
    /^ModelError: the model was exported without preprocessing, so/,
  ],
  [
    "a tensor of another type",
    () => tensor(new Uint8Array(192), [1, 3, 8, 8]),
    /^TensorError: the input must be float32 \[N,3,8,8\] \(NCHW\), not uint8 /,
  ],
  [
    "a tensor of another shape",
    () => tensor(new Float32Array(192), [3, 8, 8]),
    /^TensorError: the input must be .*, not float32 \[3,8,8\]$/,
  ],
  [
    "an empty batch",
    () => tensor(new Float32Array(0), [0, 3, 8, 8]),
    /^TensorError: the input must be .*, not float32 \[0,3,8,8\]$/,
  ],
  [
    "no image",
    () => models.pooled.explain([]),
    /^TensorError: the input must be .*, not float32 \[0,3,8,8\]$/,
  ],
  [
    "a tensor that holds NaN",
    () => tensor(new Float32Array(192).fill(NaN), [1, 3, 8, 8]),
    /^TensorError: the input holds NaN or infinity$/,
  ],
  [
    "text",
    () => models.pooled.explain(/** @type {any} */ ("cat.jpg")),
    /^PictureError: an image is ImageData, .*, not cat\.jpg$/,
  ],
  [
    "nothing",
    () => models.pooled.explain(/** @type {any} */ (undefined)),
    /^PictureError: an image is ImageData, .*, not undefined$/,
  ],
  [
    "an image without pixels",
    () => models.pooled.explain({ ...IMAGE, width: 0 }),
    /^PictureError: an image is ImageData/,
  ],
  [
    "an image of another size",
    () => models.pooled.explain({ ...IMAGE, width: 13 }),
    /^PictureError: an array of pixels must be uint8, /,
  ],
  [
    "a canvas where there is none",
    () => models.pooled.explain(/** @type {any} */ ({ width: 3, height: 3 })),
    /^PictureError: the image cannot be read: /,
  ],
  [
    "an input that does not exist",
    () => explain({ inputs: { scale: new ort.Tensor("float32", [1], [1]) } }),
    /^TensorError: the model has no input scale; it takes image,/,
  ],
  [
    "a file that is none",
    () => Explainer.create(Uint8Array.of(0xff, 0xd8, 0xff), { ort }),
    /^ModelError: ONNX Runtime cannot load the model: it is not an ONNX file, or is damaged$/,
  ],
  [
    "an address without a server",
    () => Explainer.create("http://127.0.0.1:9/x.onnx", { ort }),
    /^ModelError: cannot read http:\/\/127\.0\.0\.1:9\/x\.onnx: /,
  ],
  [
    "an address that is none",
    () => Explainer.create("x.onnx", { ort }),
    /^ModelError: cannot read x\.onnx: /,
  ],
  [
    "no runtime",
    () =>
      Explainer.create(bytesOf(modelFile("toy.onnx")), /** @type {any} */ ({})),
    /^ModelError: ONNX Runtime cannot load the model: /,
  ],
  [
    "a provider that does not exist",
    () =>
      Explainer.create(bytesOf(modelFile("toy.onnx")), {
        ort,
        executionProviders: ["magic"],
      }),
    /^ModelError: ONNX Runtime cannot load the model: .*magic/,
  ],
];

for (const [mistake, make, message] of MISTAKES) {
  test(`${mistake} is one sentence`, async () => {
    await assert.rejects(
      async () => make(),
      (/** @type {Error} */ error) => {
        assert.ok(error instanceof OnnxCamError, String(error));
        assert.match(String(error), message);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      },
    );
  });
}

test("a model that gives another shape than it promises is an error", async () => {
  const bytes = bytesOf(modelFile("toy.onnx"));
  const text = metadataText(bytes, "the model");
  const at = Buffer.from(bytes.buffer).indexOf(
    text.match(/"layers":.*?\[2,2,2\]/)?.[0] ?? "",
  );
  bytes[Buffer.from(bytes.buffer).indexOf("[2,2,2]", at) + 1] = "3".charCodeAt(
    0,
  );
  const explainer = await Explainer.create(bytes, { ort });
  const input = new ort.Tensor("float32", new Float32Array(16), [1, 1, 4, 4]);
  await assert.rejects(
    explainer.explain(input),
    /^ModelError: the model gave onnxcam\.\S+ as \[1,2,2,2\], where its metadata promises \[1,3,2,2\]/,
  );
});

test("a model that gives NaN is an error", async () => {
  const input = new ort.Tensor(
    "float32",
    new Float32Array(16).fill(3e38),
    [1, 1, 4, 4],
  );
  await assert.rejects(
    models.toy.explain(input),
    /^ModelError: the model's onnxcam\.scores holds NaN or infinity for this input; /,
  );
});

test("a closed explainer is an error, and the run before it ends", async () => {
  const explainer = await Explainer.create(bytesOf(modelFile("pooled.onnx")), {
    ort,
  });
  const begun = explainer.explain(IMAGE);
  await explainer.close();
  assert.equal((await begun).classIndex.length, 1);
  await assert.rejects(
    explainer.explain(IMAGE),
    /^ModelError: the explainer is closed; make a new one$/,
  );
  await explainer.close();
});

/**
 * @param {any} request
 * @param {string} [model]
 */
function explain(request, model = "pooled") {
  return models[model].explain(IMAGE, request);
}

/** @param {string} model */
function run(model) {
  return models[model].explain(
    new ort.Tensor("float32", new Float32Array(16).fill(9), [1, 1, 4, 4]),
  );
}

/**
 * @param {any} data
 * @param {number[]} dims
 */
function tensor(data, dims) {
  return models.pooled.explain(
    new ort.Tensor(
      data instanceof Uint8Array ? "uint8" : "float32",
      data,
      dims,
    ),
  );
}
