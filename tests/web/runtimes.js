/** Both ONNX Runtimes for JavaScript, from web/node_modules. */

import { createRequire } from "node:module";

const load = createRequire(new URL("../../web/package.json", import.meta.url));

const web = load("onnxruntime-web");
web.env.wasm.numThreads = 1; // threads would keep Node from ending

/**
 * What `Explainer.create` needs to use each. Without the providers, both would compute with onnxruntime-node, whose
 * backends take precedence in a process that holds both.
 *
 * @type {Record<string, {ort: any, executionProviders: string[]}>}
 */
export const RUNTIMES = {
  "onnxruntime-node": {
    ort: load("onnxruntime-node"),
    executionProviders: ["cpu"],
  },
  "onnxruntime-web": { ort: web, executionProviders: ["wasm"] },
};
