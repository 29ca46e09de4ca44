/** Builds the page as a folder that any server can host: `node build.js MODEL FOLDER`. */

import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const WASM = "ort-wasm-simd-threaded.wasm";

const [model, folder] = process.argv.slice(2);
await mkdir(folder, { recursive: true });
await build({
  entryPoints: ["app.js", "worker.js"].map((name) => join(HERE, name)),
  outdir: folder,
  bundle: true,
  minify: true,
  format: "esm",
});
for (const name of ["index.html", "style.css"]) await copyFile(join(HERE, name), join(folder, name));
await copyFile(join(HERE, "../node_modules/onnxruntime-web/dist", WASM), join(folder, WASM));
await copyFile(model, join(folder, "model.onnx"));
