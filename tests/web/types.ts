/** Programs that must compile: both ONNX Runtimes fit, and results have their types. Compiled, never run. */

import * as node from "onnxruntime-node";
import * as web from "onnxruntime-web";

import {
  Explainer,
  ModelError,
  type Explanation,
} from "../../web/types/index.js";
import { detection } from "../../web/types/detection.js";
import { contrast } from "../../web/types/targets.js";

export async function inABrowser(
  canvas: HTMLCanvasElement,
  photograph: ImageBitmap,
): Promise<Float32Array> {
  const explainer = await Explainer.create("model.onnx", {
    ort: web,
    executionProviders: ["webgpu", "wasm"],
  });
  const explanation: Explanation = await explainer.explain(photograph, {
    target: ["tabby", -1],
    method: "grad-cam",
  });
  explanation.overlay(canvas, { row: 1, outline: false });
  return explanation.compute("guided-grad-cam").data;
}

export async function inNode(bytes: Uint8Array): Promise<string[]> {
  const explainer = await Explainer.create(bytes, { ort: node });
  const { metadata } = explainer;
  const tensor = new node.Tensor(
    "float32",
    new Float32Array(3 * 224 * 224),
    [1, 3, 224, 224],
  );
  const explanation = await explainer.explain(tensor, {
    target: [Number(metadata.classes) - 1, contrast("tabby", 3), detection(0)],
    level: 2,
  });
  // @ts-expect-error There is no such method.
  explanation.compute("lime");
  // @ts-expect-error There is no such level.
  await explainer.explain(tensor, { level: 3 });
  return explanation
    .top(3)
    .map(({ label }) => label.toUpperCase() + new ModelError("").message);
}
