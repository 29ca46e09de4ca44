/**
 * Times the page of the default model in Chromium, beside ONNX Runtime's own run: `make page-speed`.
 *
 * Page and plain run take turns, since the machine's speed changes. Times end when the panels are in the page; what the
 * browser paints then is not in them.
 */

import { createServer } from "node:http";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { dataFile, ROOT } from "./reference.js";

const { chromium } = createRequire(new URL("web/package.json", ROOT))(
  "playwright-core",
);
const SITE = fileURLToPath(new URL("web/.site/one", ROOT));
const SOURCES = fileURLToPath(new URL("web", ROOT));
const ORT = join(SOURCES, "node_modules/onnxruntime-web/dist");
const COFFEE = fileURLToPath(dataFile("coffee.jpg"));
const ROUNDS = 3;
const RUNS = 10;
const PAUSE = 100; // milliseconds after a run, in which the browser paints

const RAW = `
import * as ort from "/ort.mjs";
import { metadataText, requireInputs } from "/src/artifact.js";
import { readMetadata } from "/src/metadata.js";
import { readPixels } from "/src/pixels.js";
import { preprocess } from "/src/preprocess.js";
ort.env.wasm.wasmPaths = { wasm: "/ort-wasm-simd-threaded.wasm", mjs: "/ort-wasm-simd-threaded.mjs" };
const bytes = new Uint8Array(await (await fetch("/models/efficientnet_lite0.onnx")).arrayBuffer());
const metadata = readMetadata(metadataText(bytes, "the model"));
requireInputs(bytes);
const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3 });
const int64 = (values, dims) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), dims);
// The page's photograph: of a sine wave, a run takes a tenth less.
const file = await (await fetch("/coffee.jpg")).blob();
const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
const { data, dims } = preprocess([readPixels(bitmap)], metadata);
const image = new ort.Tensor("float32", data, dims);
const feeds = { image, "onnxcam.target": int64([967], [1]), "onnxcam.level": int64([2], []),
  "onnxcam.seed": new ort.Tensor("float32", new Float32Array(), [0, 1000]) };
onmessage = async ({ data }) => {
  const times = [];
  for (let run = 0; run < data; run++) {
    const start = performance.now();
    await session.run(feeds);
    times.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, ${PAUSE}));
  }
  postMessage(times);
};
postMessage([]);
`;

/** @type {Record<string, Buffer>} */
const EXTRA = {
  "/raw.js": Buffer.from(RAW),
  "/coffee.jpg": readFileSync(COFFEE),
  "/raw.html": Buffer.from("<!doctype html>"),
  "/favicon.ico": Buffer.from(""),
  "/ort.mjs": readFileSync(join(ORT, "ort.wasm.min.mjs")),
  "/ort-wasm-simd-threaded.mjs": readFileSync(
    join(ORT, "ort-wasm-simd-threaded.mjs"),
  ),
};
/** @type {Record<string, string>} */
const TYPES = {
  ".html": "text/html",
  ".css": "text/css",
  ".wasm": "application/wasm",
};

/** @param {number[]} values */
const median = (values) =>
  values.sort((one, other) => one - other)[values.length >> 1];

/** Runs in the page: changes the explained class, and waits for the panels. @param {[number, number]} numbers */
async function explainAgain([runs, pause]) {
  const first = /** @type {HTMLSelectElement} */ (
    document.getElementById("first")
  );
  const rows = /** @type {HTMLElement} */ (document.getElementById("rows"));
  const times = [];
  for (let run = 0; run < runs; run++) {
    const drawn = new Promise((resolve) =>
      new MutationObserver(resolve).observe(rows, { childList: true }),
    );
    const start = performance.now();
    first.value = String(run % 5);
    first.dispatchEvent(new Event("change"));
    await drawn;
    times.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return times;
}

/** @param {any} browser @param {Record<string, string>} headers */
async function measured(browser, headers) {
  const server = createServer((request, response) => {
    const path = request.url === "/" ? "/index.html" : String(request.url);
    const folder = path.startsWith("/src/") ? SOURCES : SITE;
    const body = EXTRA[path] ?? readFileSync(join(folder, path));
    const type = TYPES[extname(path)] ?? "text/javascript";
    response.writeHead(200, { "Content-Type": type, ...headers }).end(body);
  });
  await new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve(null)),
  );
  const address = `http://127.0.0.1:${/** @type {any} */ (server.address()).port}`;
  const said = (/** @type {any} */ page, /** @type {string} */ text) =>
    page.waitForFunction(
      (/** @type {string} */ start) =>
        document.getElementById("status")?.textContent?.startsWith(start),
      text,
      { polling: 10, timeout: 60_000 },
    );
  const page = await browser.newPage();
  await page.goto(`${address}/`);
  await page.waitForFunction(
    () =>
      document.querySelectorAll("#steps progress")[2] ||
      document.querySelector(".error"),
    null,
    { polling: 10 },
  );
  let start = performance.now();
  await said(page, "Ready");
  const opened = performance.now() - start;
  start = performance.now();
  await page.setInputFiles("#file", COFFEE);
  await said(page, "Explained");
  const first = performance.now() - start;

  const other = await browser.newPage();
  await other.goto(`${address}/raw.html`);
  await other.evaluate(
    () =>
      new Promise((resolve) => {
        const worker = new Worker("/raw.js", { type: "module" });
        Object.assign(globalThis, { worker });
        worker.onmessage = resolve;
      }),
  );
  const plain = (/** @type {number} */ runs) =>
    other.evaluate(
      (/** @type {number} */ count) =>
        new Promise((resolve) => {
          const { worker } = /** @type {any} */ (globalThis);
          worker.onmessage = (/** @type {any} */ { data }) => resolve(data);
          worker.postMessage(count);
        }),
      runs,
    );
  await page.evaluate(explainAgain, [3, PAUSE]);
  await plain(3);
  const [ours, theirs] = [[], []].map(() => /** @type {number[]} */ ([]));
  for (let round = 0; round < ROUNDS; round++) {
    await page.bringToFront();
    ours.push(median(await page.evaluate(explainAgain, [RUNS, PAUSE])));
    await other.bringToFront();
    theirs.push(median(/** @type {number[]} */ (await plain(RUNS))));
  }
  await Promise.all([page.close(), other.close()]);
  server.close();
  return {
    opened,
    first,
    ours: Math.min(...ours),
    theirs: Math.min(...theirs),
  };
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
const kinds = {
  "one thread": {},
  threads: {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
  },
};
for (const [kind, headers] of Object.entries(kinds)) {
  const { opened, first, ours, theirs } = await measured(browser, headers);
  console.log(
    `${kind}: model opened ${opened.toFixed(0)} ms, first explanation ${first.toFixed(0)} ms, next ${ours.toFixed(0)} ms, ` +
      `ONNX Runtime's own run ${theirs.toFixed(0)} ms, ratio ${(ours / theirs).toFixed(2)}`,
  );
}
await browser.close();
const ours = readdirSync(SITE).filter(
  (name) => name !== "models" && !name.endsWith(".wasm"),
);
const bytes = ours.reduce(
  (sum, name) => sum + statSync(join(SITE, name)).size,
  0,
);
console.log(`bytes beside model and WASM: ${bytes}`);
