/** Builds the page's files, which `onnxcam page` puts around models: `node build.js FOLDER`. */

import { copyFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const WASM = "ort-wasm-simd-threaded.wasm";

const [folder] = process.argv.slice(2);
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
await build({
  entryPoints: ["app.js", "worker.js"].map((name) => join(HERE, name)),
  outdir: folder,
  bundle: true,
  minify: true,
  format: "esm",
});
for (const name of ["index.html", "style.css", "LICENSES.txt"]) await copyFile(join(HERE, name), join(folder, name));
await copyFile(join(HERE, "../node_modules/onnxruntime-web/dist", WASM), join(folder, WASM));
