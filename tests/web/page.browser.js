/** The page in a real Chromium, without a window: `make test-page`. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { dataFile, DEFAULT_MODEL, ROOT } from "./reference.js";

const { chromium } = createRequire(new URL("web/package.json", ROOT))(
  "playwright-core",
);

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
};
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};
const MOST_BYTES = 1_000_000;

const site = mkdtempSync(join(tmpdir(), "onnxcam-page-"));
/** @type {any} */
let browser;

before(async () => {
  const build = fileURLToPath(new URL("web/page/build.js", ROOT));
  execFileSync(process.execPath, [build, fileURLToPath(DEFAULT_MODEL), site]);
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu"],
  });
});

after(async () => {
  await browser?.close();
  rmSync(site, { recursive: true });
});

test("beside the model and the WASM, the page is small", () => {
  const ours = readdirSync(site).filter((name) => !/\.(onnx|wasm)$/.test(name));
  const bytes = ours
    .map((name) => statSync(join(site, name)).size)
    .reduce((sum, size) => sum + size);
  assert.ok(bytes < MOST_BYTES, `${bytes} bytes`);
});

for (const [kind, headers] of Object.entries({
  "without special headers": {},
  "with threads": ISOLATION,
})) {
  test(`${kind}: a photograph is explained, and two classes are compared`, () =>
    visit({ headers }, async (page, { requests, complaints }) => {
      await page.setInputFiles("#file", fileURLToPath(dataFile("coffee.jpg")));
      await said(page, "Explained: espresso.");
      assert.equal(await page.locator("figure").count(), 4);
      await page.selectOption("#second", {
        label: await page.locator("#second option").nth(2).textContent(),
      });
      await said(page, "Explained: espresso and cup.");
      assert.equal(
        await page.locator("[role=img][aria-label='Grad-CAM for cup']").count(),
        1,
      );
      await page.fill("#strength", "0.25");
      assert.equal(
        await page
          .locator(".map")
          .first()
          .evaluate((/** @type {any} */ map) => map.style.opacity),
        "0.25",
      );
      assert.equal(
        await page.evaluate("crossOriginIsolated"),
        kind === "with threads",
      );
      assert.deepEqual(complaints, []);
      assert.ok(
        requests.every((address) => new URL(address).hostname === "127.0.0.1"),
        requests.join(" "),
      );
    }));
}

test("every control has a name, and the keyboard reaches the file first", () =>
  visit({}, async (page) => {
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate("document.activeElement.id"), "file");
    for (const name of ["Explain", "Compare with", "Strength of the map"])
      assert.equal(await page.getByLabel(name, { exact: true }).count(), 1);
  }));

test("a file that is not a picture is said, and the next picture is explained", () =>
  visit({}, async (page) => {
    await page.setInputFiles(
      "#file",
      fileURLToPath(new URL("README.md", ROOT)),
    );
    await said(
      page,
      "README.md is not a picture that this browser reads; choose a JPEG, PNG or WebP.",
    );
    await page.setInputFiles("#file", fileURLToPath(dataFile("rocket.jpg")));
    await said(page, "Explained: missile.");
  }));

/** @type {[string, Record<string, Buffer | null>, string][]} */
const BROKEN = [
  [
    "no model",
    { "/model.onnx": null },
    "model.onnx cannot be loaded: the server answered 404",
  ],
  [
    "a model that is none",
    { "/model.onnx": Buffer.from([255, 216, 255]) },
    "ONNX Runtime cannot load the model: it is not",
  ],
  [
    "a model that is no explainer",
    { "/model.onnx": Buffer.alloc(0) },
    "the model is not an explainer model; make one",
  ],
  [
    "no WASM",
    { "/ort-wasm-simd-threaded.wasm": null },
    "ONNX Runtime cannot load the model: ",
  ],
  [
    "no worker",
    { "/worker.js": null },
    "ONNX Runtime cannot be loaded; is the network gone?",
  ],
];

for (const [trouble, replaced, message] of BROKEN) {
  test(`${trouble}: the page says so`, () =>
    visit({ replaced, ready: message }, async () => {}));
}

/**
 * Opens the page, and waits until it says that it is ready.
 *
 * @param {{headers?: Record<string, string>, replaced?: Record<string, Buffer | null>, ready?: string}} options
 * @param {(page: any, seen: {requests: string[], complaints: string[]}) => Promise<void>} look
 */
async function visit(
  { headers = {}, replaced = {}, ready = "Ready: choose a photograph." },
  look,
) {
  const server = http.createServer((request, response) =>
    answer(request.url ?? "/", response, headers, replaced),
  );
  await new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve(null)),
  );
  const page = await browser.newPage();
  /** @type {{requests: string[], complaints: string[]}} */
  const seen = { requests: [], complaints: [] };
  page.on("request", (/** @type {any} */ request) =>
    seen.requests.push(request.url()),
  );
  page.on("console", (/** @type {any} */ message) =>
    seen.complaints.push(message.text()),
  );
  page.on("pageerror", (/** @type {Error} */ error) =>
    seen.complaints.push(String(error)),
  );
  try {
    await page.goto(
      `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}/`,
    );
    await said(page, ready);
    await look(page, seen);
  } finally {
    await page.close();
    server.close();
  }
}

/**
 * @param {string} address
 * @param {http.ServerResponse} response
 * @param {Record<string, string>} headers
 * @param {Record<string, Buffer | null>} replaced
 */
function answer(address, response, headers, replaced) {
  const path = address === "/" ? "/index.html" : address;
  const body =
    path in replaced ? replaced[path] : readFileSync(join(site, path));
  const type =
    TYPES[/** @type {keyof typeof TYPES} */ (extname(path))] ??
    "application/octet-stream";
  response
    .writeHead(body ? 200 : 404, { "Content-Type": type, ...headers })
    .end(body ?? "");
}

/**
 * Waits until the page says something that begins like this.
 *
 * @param {any} page
 * @param {string} text
 */
async function said(page, text) {
  const begins = (/** @type {string} */ start) =>
    document.getElementById("status")?.textContent?.startsWith(start);
  await page
    .waitForFunction(begins, text, { timeout: 60_000 })
    .catch(async () => {
      assert.equal(await page.textContent("#status"), text);
    });
}
