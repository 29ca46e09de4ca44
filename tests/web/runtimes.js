/** Both ONNX Runtimes for JavaScript, from web/node_modules. */

import { createRequire } from "node:module";

const load = createRequire(new URL("../../web/package.json", import.meta.url));

const web = load("onnxruntime-web");
web.env.wasm.numThreads = 1; // threads would keep Node from ending

/** @type {Record<string, any>} */
export const RUNTIMES = { "onnxruntime-node": load("onnxruntime-node"), "onnxruntime-web": web };
