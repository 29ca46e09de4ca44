/** The page in a real Chromium, without a window: `make test-page`. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";

import { arrayOf, cases, dataFile, relativeError, ROOT } from "./reference.js";

const { chromium } = createRequire(new URL("web/package.json", ROOT))(
  "playwright-core",
);

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
};
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};
// What a page of the package itself needs, which is no page of `onnxcam page`.
const SOURCES = fileURLToPath(new URL("web", ROOT));
const ORT = join(SOURCES, "node_modules/onnxruntime-web/dist");
/** @type {Record<string, string>} */
const ELSEWHERE = {
  "/blank.html": "/dev/null",
  "/favicon.ico": "/dev/null",
  "/ort.mjs": join(ORT, "ort.wasm.min.mjs"),
  "/ort-wasm-simd-threaded.mjs": join(ORT, "ort-wasm-simd-threaded.mjs"),
  "/coffee.jpg": fileURLToPath(dataFile("coffee.jpg")),
};
const MOST_BYTES = 1_000_000;
const READY = "Ready: choose a photograph.";

// `make test-page` writes them with `onnxcam page`: of the default model, and of a detector, a model of places and two others.
const [ONE, SEVERAL] = ["one", "several"].map((name) =>
  fileURLToPath(new URL(`web/.site/${name}`, ROOT)),
);
const COFFEE = fileURLToPath(dataFile("coffee.jpg"));

/** @type {any} */
let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu"],
  });
});

after(() => browser?.close());

test("beside the model and the WASM, the page is small", () => {
  const ours = readdirSync(ONE).filter(
    (name) => name !== "models" && !name.endsWith(".wasm"),
  );
  const bytes = ours
    .map((name) => statSync(join(ONE, name)).size)
    .reduce((sum, size) => sum + size);
  assert.ok(bytes < MOST_BYTES, `${bytes} bytes`);
});

for (const [kind, headers] of Object.entries({
  "without special headers": {},
  "with threads": ISOLATION,
})) {
  test(`${kind}: a photograph is explained, and two classes are compared`, () =>
    visit({ headers }, async (page, { requests, complaints }) => {
      assert.deepEqual(
        (await page.locator("#steps li span").allTextContents()).map(
          (/** @type {string} */ line) => line.split(":")[0],
        ),
        ["ONNX Runtime", "Model efficientnet_lite0", "Preparing"],
      );
      const loaded = requests.length;
      await page.setInputFiles("#file", COFFEE);
      await said(page, "Explained: espresso.");
      assert.equal(await page.locator("figure").count(), 4);
      assert.equal(await page.locator("#top li").count(), 5);
      const cup = page.locator("#second option", { hasText: /^cup,/ });
      await page.selectOption("#second", await cup.getAttribute("value"));
      await said(page, "Explained: espresso and cup.");
      assert.equal(await page.locator("figure").count(), 8);
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
        requests
          .slice(0, loaded)
          .every((address) => new URL(address).hostname === "127.0.0.1"),
        requests.join(" "),
      );
      // The photograph's own address is read for its size, and goes nowhere.
      const later = requests.slice(loaded);
      assert.ok(
        later.every((address) => address.startsWith("blob:")),
        later.join(" "),
      );
    }));
}

test("in the page, all values are Python's, from the JPEG on", () =>
  visit(
    { site: join(ONE, ".."), path: "/blank.html", ready: "" },
    async (page) => {
      const expected = cases().explanations.find(
        (/** @type {any} */ item) => item.name === "coffee",
      ).arrays;
      const got = await page.evaluate(explainedInThePage);
      for (const [key, values] of Object.entries(got)) {
        const limit = key.startsWith("guided") ? 2e-3 : 1e-5;
        const error = relativeError(
          /** @type {number[]} */ (values),
          arrayOf(expected[key]),
        );
        assert.ok(error <= limit, `${key}: ${error}`);
      }
    },
  ));

/** Runs in the page: the package explains the JPEG, at both levels. */
async function explainedInThePage() {
  const name = "/ort.mjs"; // addresses that only the test's server knows
  const ort = await import(name);
  ort.env.wasm.wasmPaths = {
    wasm: "/one/ort-wasm-simd-threaded.wasm",
    mjs: "/ort-wasm-simd-threaded.mjs",
  };
  const source = "/src/index.js";
  const { Explainer } = await import(source);
  const explainer = await Explainer.create(
    "/one/models/efficientnet_lite0.onnx",
    { ort, executionProviders: ["wasm"] },
  );
  const blob = await (await fetch("/coffee.jpg")).blob();
  const bitmap = await createImageBitmap(blob, {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  const low = await explainer.explain(bitmap, { level: 0 });
  const middle = await explainer.explain(bitmap, { level: 1 });
  const high = await explainer.explain(bitmap);
  return {
    scores: [...low.scores],
    "grad-cam": [...middle.compute("grad-cam").data],
    gradients: [...middle.outputs["onnxcam.gradients/features"].data],
    "guided-backprop": [...high.compute("guided-backprop").data],
    "guided-grad-cam": [...high.compute("guided-grad-cam").data],
  };
}

test("every control has a name, and the keyboard reaches all of them", () =>
  visit({}, async (page) => {
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate("document.activeElement.id"), "file");
    for (const name of ["Explain", "Compare with", "Strength of the map"])
      assert.equal(await page.getByLabel(name, { exact: true }).count(), 1);
    await page.setInputFiles("#file", COFFEE);
    await said(page, "Explained: espresso.");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter"); // the second of the first answers
    await said(page, "Explained: ");
    await page.waitForFunction(
      () => document.querySelector("h2")?.textContent !== "espresso",
    );
    assert.equal(await page.inputValue("#first"), "1");
  }));

test("a model among several is chosen, and explains the photograph that is there", () =>
  visit({ site: SEVERAL }, async (page, { complaints }) => {
    assert.deepEqual(await page.locator("#model option").allTextContents(), [
      "detector",
      "dense",
      "pooled",
      "plain",
    ]);
    await page.setInputFiles("#file", COFFEE);
    await said(page, "Explained: dog.");
    await page.selectOption("#model", "1");
    await page.waitForFunction(
      () => document.querySelectorAll(".box").length === 0,
    );
    await said(page, "Explained: dog.");
    assert.match(await page.textContent("#facts"), /3 classes for each place/);
    await page.selectOption("#model", "2");
    await said(page, "Explained: crane.");
    await page.selectOption("#model", "3");
    await page
      .getByText("Gradient at the input (plain)")
      .first()
      .waitFor({ timeout: 60_000 });
    assert.deepEqual(complaints, []);
  }));

test("a detector's boxes are on the photograph, and each can be chosen", () =>
  visit({ site: SEVERAL }, async (page) => {
    await page.setInputFiles("#file", COFFEE);
    await said(page, "Explained: dog.");
    const boxes = page.locator(".box");
    const { boxes: expected } = cases().scalars.find(
      (/** @type {any} */ item) => item.boxes.length,
    );
    assert.equal(await boxes.count(), expected.length);
    assert.equal(
      await page.locator(".box[aria-pressed=true]").getAttribute("aria-label"),
      await boxes.first().getAttribute("aria-label"),
    );
    // 600 by 400 pixels in 16 by 16, with 114 above and below.
    const [left, , right] = expected[0].corners;
    const style = await boxes
      .first()
      .evaluate((/** @type {any} */ box) => [box.style.left, box.style.width]);
    const [x0, x1] = [left, right].map((edge) =>
      Math.min(Math.max(edge / 16, 0), 1),
    );
    assert.ok(Math.abs(parseFloat(style[0]) - 100 * x0) < 0.1, style[0]);
    assert.ok(Math.abs(parseFloat(style[1]) - 100 * (x1 - x0)) < 0.1, style[1]);
    await boxes.nth(14).focus();
    await page.keyboard.press("Enter");
    await said(page, "Explained: car.");
    assert.equal(await page.inputValue("#first"), "14");
  }));

test("without a connection, a page that is loaded goes on, and another model is one sentence", () =>
  visit({ site: SEVERAL }, async (page) => {
    await page.context().setOffline(true);
    await page.setInputFiles("#file", COFFEE);
    await said(page, "Explained: dog.");
    await page.selectOption("#model", "1");
    await said(
      page,
      "models/dense.onnx cannot be loaded; check the connection, and load the page again.",
    );
    await page.context().setOffline(false);
    await page.selectOption("#model", "2");
    await said(page, "Explained: crane.");
  }));

test("what is no picture, damaged or enormous is said, and the next picture is explained", () =>
  visit({ site: SEVERAL }, async (page) => {
    const jpeg = readFileSync(COFFEE);
    /** @type {[string, Buffer, string][]} */
    const wrong = [
      [
        "notes.txt",
        Buffer.from("no picture"),
        "notes.txt is not a picture that this browser reads, or is enormous; choose a JPEG, PNG or WebP.",
      ],
      [
        "empty.jpg",
        Buffer.alloc(0),
        "empty.jpg is not a picture that this browser reads, or is enormous; choose a JPEG, PNG or WebP.",
      ],
      [
        "huge.png",
        png(30_000, 30_000),
        "huge.png is not a picture that this browser reads, or is enormous; choose a JPEG, PNG or WebP.",
      ],
      [
        "large.png",
        png(9000, 9000),
        "large.png has 9000 by 9000 pixels; choose a picture of at most 67 million.",
      ],
      [
        "broken.png",
        png(40, 30),
        "broken.png is damaged; choose another picture.",
      ],
    ];
    for (const [name, buffer, message] of wrong) {
      await page.setInputFiles("#file", {
        name,
        mimeType: "image/png",
        buffer,
      });
      await said(page, message);
      assert.ok(
        await page
          .locator("#status")
          .evaluate((/** @type {Element} */ line) =>
            line.classList.contains("error"),
          ),
      );
    }
    await page.setInputFiles("#file", {
      name: "coffee.jpg",
      mimeType: "image/jpeg",
      buffer: jpeg,
    });
    await said(page, "Explained: dog.");
  }));

/** The beginning of a PNG of one grey, whose size is enormous. @param {number} width @param {number} height */
function png(width, height) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const pixels = deflateSync(Buffer.alloc(width + 1));
  const parts = [
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk("IHDR", header),
    chunk("IDAT", pixels),
    chunk("IEND", Buffer.alloc(0)),
  ];
  return Buffer.concat(parts);
}

/** @param {string} kind @param {Buffer} data */
function chunk(kind, data) {
  const named = Buffer.concat([Buffer.from(kind), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}

/** CRC-32, which Node 20's zlib lacks. @param {Buffer} data */
function crc32(data) {
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++)
      crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

const MODEL = "/models/efficientnet_lite0.onnx";
const WASM = "/ort-wasm-simd-threaded.wasm";

/** @type {[string, Record<string, Buffer | null>, string][]} */
const BROKEN = [
  [
    "no list of files",
    { "/site.json": null },
    "site.json cannot be loaded: the server answered 404.",
  ],
  [
    "no model",
    { [MODEL]: null },
    "models/efficientnet_lite0.onnx cannot be loaded: the server answered 404.",
  ],
  [
    "a model that is none",
    { [MODEL]: Buffer.from([255, 216, 255]) },
    "ONNX Runtime cannot load the model: it is not",
  ],
  [
    "a model that is no explainer",
    { [MODEL]: Buffer.alloc(0) },
    "the model is not an explainer model; make one",
  ],
  [
    "no WASM",
    { [WASM]: null },
    "ort-wasm-simd-threaded.wasm cannot be loaded: the server answered 404.",
  ],
  [
    "WASM that is none",
    { [WASM]: Buffer.from("<html>") },
    "ONNX Runtime cannot load the model: ",
  ],
  [
    "no worker",
    { "/worker.js": null },
    "worker.js cannot be run; check the connection, and load the page again.",
  ],
];

for (const [trouble, replaced, message] of BROKEN) {
  test(`${trouble}: the page says so`, () =>
    visit({ replaced, ready: message }, async (page) => {
      assert.ok(await page.locator("#file").isDisabled());
    }));
}

test("a browser without WebAssembly is told so", async () => {
  const without = "delete globalThis.WebAssembly;";
  await visit(
    {
      script: without,
      ready:
        "This browser has no WebAssembly or no OffscreenCanvas; use a newer one.",
    },
    async () => {},
  );
});

/**
 * Opens the page, and waits until it says that it is ready.
 *
 * @param {{site?: string, path?: string, headers?: Record<string, string>, replaced?: Record<string, Buffer | null>,
 *   script?: string, ready?: string}} options
 * @param {(page: any, seen: {requests: string[], complaints: string[]}) => Promise<void>} look
 */
async function visit(
  {
    site = ONE,
    path = "/",
    headers = {},
    replaced = {},
    script = "",
    ready = READY,
  },
  look,
) {
  const server = http.createServer((request, response) =>
    answer(site, request.url ?? "/", response, headers, replaced),
  );
  await new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve(null)),
  );
  const context = await browser.newContext();
  if (script) await context.addInitScript(script);
  const page = await context.newPage();
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
      `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}${path}`,
    );
    if (ready) await said(page, ready);
    await look(page, seen);
  } finally {
    await context.close();
    server.close();
  }
}

/**
 * @param {string} site
 * @param {string} address
 * @param {http.ServerResponse} response
 * @param {Record<string, string>} headers
 * @param {Record<string, Buffer | null>} replaced
 */
function answer(site, address, response, headers, replaced) {
  const path = address === "/" ? "/index.html" : address;
  const file = ELSEWHERE[path] ?? join(site, path);
  const own = path.startsWith("/src/") ? join(SOURCES, path) : file;
  const body = path in replaced ? replaced[path] : readFileSync(own);
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
