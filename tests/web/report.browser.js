/** A report in a real Chromium, opened from the disk, without a window: `make test-report`. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

import { dataFile, ROOT } from "./reference.js";

const { chromium } = createRequire(new URL("web/package.json", ROOT))(
  "playwright-core",
);

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const ONNXCAM =
  process.env.ONNXCAM ?? fileURLToPath(new URL(".venv-demo/bin/onnxcam", ROOT));
const HOSTILE = '"><img src=x onerror=alert(1)>';
const MANY = 300;

const folder = mkdtempSync(join(tmpdir(), "onnxcam-report-"));
/** @type {any} */
let browser;

before(async () => {
  const photos = join(folder, "photos");
  mkdirSync(photos);
  for (const name of ["chelsea", "coffee", "rocket"])
    copyFileSync(
      fileURLToPath(dataFile(`${name}.jpg`)),
      join(photos, `${name}.jpg`),
    );
  copyFileSync(
    fileURLToPath(dataFile("coffee.jpg")),
    join(photos, `${HOSTILE}.jpg`),
  );
  writeFileSync(
    join(folder, "labels.csv"),
    "photos/chelsea.jpg,Egyptian cat\nphotos/coffee.jpg,espresso\n",
  );
  run(
    photos,
    "-o",
    join(folder, "few.html"),
    "--labels",
    join(folder, "labels.csv"),
    "--title",
    HOSTILE,
  );
  const many = join(folder, "many");
  mkdirSync(many);
  for (let number = 0; number < MANY; number++)
    copyFileSync(
      fileURLToPath(dataFile(number % 2 ? "coffee.jpg" : "rocket.jpg")),
      join(many, `${number}.jpg`),
    );
  run(
    many,
    "-o",
    join(folder, "many.html"),
    "--steps",
    "0",
    "-m",
    fileURLToPath(dataFile("pooled.onnx")),
  );
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu"],
  });
});

after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

test("the file alone is enough, and text from files stays text", () =>
  visit("few.html", {}, async (page, { requests, complaints }) => {
    assert.equal(await page.locator(".card").count(), 4);
    assert.equal(await page.locator("h1").textContent(), HOSTILE);
    assert.ok(
      (await page.locator("h3").allTextContents()).includes(`${HOSTILE}.jpg`),
    );
    const sizes = await page
      .locator(".photograph")
      .evaluateAll((/** @type {any[]} */ images) =>
        Promise.all(
          images.map((image) => image.decode().then(() => image.naturalWidth)),
        ),
      );
    assert.ok(sizes.every((/** @type {number} */ width) => width > 0));
    assert.deepEqual(complaints, []);
    assert.deepEqual(
      requests
        .filter((address) => !address.startsWith("data:"))
        .map((address) => address.slice(0, 8)),
      ["file:///"],
    );
  }));

test("pictures are chosen by class, mistake and name, and sorted", () =>
  visit("few.html", {}, async (page) => {
    await page.selectOption("#class", { label: "espresso" });
    assert.deepEqual(await shown(page), [`${HOSTILE}.jpg`, "coffee.jpg"]);
    assert.equal(await page.locator("#count").textContent(), "2 of 4 shown");
    await page.selectOption("#class", "");
    await page.selectOption("#mistake", "1");
    assert.deepEqual(await shown(page), ["chelsea.jpg"]);
    await page.selectOption("#mistake", "0");
    assert.deepEqual(await shown(page), ["coffee.jpg"]);
    await page.selectOption("#mistake", "");
    await page.fill("#name", "ROCK");
    assert.deepEqual(await shown(page), ["rocket.jpg"]);
    await page.fill("#name", "");
    for (const [key, name] of [
      ["score", "score"],
      ["insertion-", "insertion"],
      ["deletion", "deletion"],
    ]) {
      await page.selectOption("#sort", key);
      const values = await page
        .locator(".card")
        .evaluateAll(
          (/** @type {any[]} */ cards, /** @type {string} */ field) =>
            cards.map((card) => Number(card.dataset[field])),
          name,
        );
      assert.deepEqual(
        values,
        values.toSorted((/** @type {number} */ a, /** @type {number} */ b) =>
          key.endsWith("-") ? b - a : a - b,
        ),
      );
    }
    await page
      .locator(".average", { hasText: "espresso" })
      .getByRole("button", { name: "Show them" })
      .click();
    assert.equal(await page.locator("#count").textContent(), "2 of 4 shown");
  }));

test("each map and all of them fade, and a mistake has two maps", () =>
  visit("few.html", {}, async (page) => {
    const card = page.locator(".card", {
      has: page.locator("h3", { hasText: "chelsea" }),
    });
    await card.getByLabel("Strength of the map").fill("0.25");
    assert.equal(await opacity(card), "0.25");
    assert.equal(await opacity(page.locator(".card").last()), "1");
    await page.getByLabel("Strength of all maps").fill("0.5");
    assert.equal(await opacity(card), "0.5");
    assert.equal(await opacity(page.locator(".card").last()), "0.5");
    assert.match(
      await card.locator(".wrong").textContent(),
      /wrong: it shows Egyptian cat/,
    );
    assert.deepEqual(await visible(card), [true, false]);
    await card.getByLabel(/Egyptian cat, the true class/).check();
    assert.deepEqual(await visible(card), [false, true]);
  }));

test("a map lies on the part of the photograph that the model saw", () =>
  visit("few.html", {}, async (page) => {
    const card = page.locator(".card", {
      has: page.locator("h3", { hasText: "rocket" }),
    });
    const photograph = await card.locator(".photograph").boundingBox();
    const map = await card.locator(".map").first().boundingBox();
    // rocket.jpg has 640 by 427 pixels; of its shorter side, 224 of 256 are seen, and as much of the longer.
    assert.ok(Math.abs(map.height / photograph.height - 224 / 256) < 0.01);
    assert.ok(Math.abs(map.width - map.height) < 2);
    assert.ok(
      Math.abs(map.x + map.width / 2 - photograph.x - photograph.width / 2) < 2,
    );
  }));

test("every control has a name, the keyboard reaches them, and headings do not skip a level", () =>
  visit("few.html", {}, async (page) => {
    const unnamed = await page.evaluate(() =>
      [...document.querySelectorAll("input, select, button")]
        .filter(
          (/** @type {any} */ one) =>
            !(one.labels?.length || one.textContent.trim()),
        )
        .map((one) => one.outerHTML),
    );
    assert.deepEqual(unnamed, []);
    const levels = await page.evaluate(() =>
      [...document.querySelectorAll("h1,h2,h3")].map((one) =>
        Number(one.tagName[1]),
      ),
    );
    assert.ok(
      levels.every(
        (/** @type {number} */ level, /** @type {number} */ place) =>
          level <= (levels[place - 1] ?? 0) + 1,
      ),
    );
    await page.locator("nav a").last().focus();
    await page.keyboard.press("Tab");
    assert.equal(
      await page.evaluate(() => document.activeElement?.id),
      "class",
    );
    assert.ok(
      (
        await page
          .locator("img.photograph")
          .evaluateAll((/** @type {any[]} */ all) => all.map(({ alt }) => alt))
      ).every(Boolean),
    );
  }));

test("it is readable in the dark and on paper", () =>
  visit("few.html", {}, async (page) => {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      for (const selector of ["h1", ".note", ".wrong", ".right", "a", "dd"])
        assert.ok(
          (await contrast(page, selector)) >= 4.5,
          `${selector} in ${colorScheme}`,
        );
    }
    await page.emulateMedia({ colorScheme: "dark", media: "print" });
    assert.equal(await page.locator("#controls").isVisible(), false);
    assert.equal(await page.locator(".slider").first().isVisible(), false);
    assert.ok((await contrast(page, "h1")) >= 4.5);
    assert.ok((await page.pdf()).length > 100_000); // with its pictures
  }));

test("without JavaScript everything is there to read", () =>
  visit("few.html", { javaScriptEnabled: false }, async (page) => {
    assert.equal(await page.locator(".card .map:not([hidden])").count(), 4);
    assert.equal(await page.locator("#controls").isVisible(), false);
    assert.ok(
      await page.getByText("need JavaScript, which is off").isVisible(),
    );
  }));

test("hundreds of pictures are laid out as they come into view", () =>
  visit("many.html", {}, async (page, { complaints }) => {
    assert.equal(await page.locator(".card").count(), MANY);
    const skipped = await page
      .locator(".card")
      .last()
      .evaluate(
        (/** @type {any} */ card) =>
          !card
            .querySelector("h3")
            .checkVisibility({ contentVisibilityAuto: true }),
      );
    assert.ok(skipped);
    await page.fill("#name", "299");
    assert.deepEqual(await shown(page), ["299.jpg"]);
    assert.deepEqual(complaints, []);
  }));

/** @param {...string} options */
function run(...options) {
  execFileSync(ONNXCAM, ["report", ...options], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/**
 * @param {string} name
 * @param {object} options Of the browser's context.
 * @param {(page: any, seen: { requests: string[], complaints: string[] }) => Promise<void>} look
 */
async function visit(name, options, look) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  /** @type {{ requests: string[], complaints: string[] }} */
  const seen = { requests: [], complaints: [] };
  page.on("request", (/** @type {any} */ request) =>
    seen.requests.push(request.url()),
  );
  page.on("pageerror", (/** @type {Error} */ error) =>
    seen.complaints.push(String(error)),
  );
  page.on(
    "dialog",
    (/** @type {any} */ dialog) =>
      seen.complaints.push(dialog.message()) && dialog.dismiss(),
  );
  page.on("console", (/** @type {any} */ message) => {
    if (["error", "warning"].includes(message.type()))
      seen.complaints.push(message.text());
  });
  try {
    await page.goto(pathToFileURL(join(folder, name)).href);
    await look(page, seen);
  } finally {
    await context.close();
  }
}

/** The names of the pictures that are shown. @param {any} page */
async function shown(page) {
  return page.locator(".card:not([hidden]) h3").allTextContents();
}

/** @param {any} card */
async function opacity(card) {
  return card
    .locator(".map")
    .first()
    .evaluate((/** @type {any} */ map) => getComputedStyle(map).opacity);
}

/** @param {any} card */
async function visible(card) {
  return card
    .locator(".map")
    .evaluateAll((/** @type {any[]} */ maps) =>
      maps.map((map) => map.checkVisibility()),
    );
}

/**
 * The contrast of an element's text with what is behind it, by WCAG 2.
 *
 * @param {any} page
 * @param {string} selector
 */
async function contrast(page, selector) {
  const [text, ground] = await page
    .locator(selector)
    .first()
    .evaluate((/** @type {any} */ element) => {
      let behind = element;
      while (
        behind.parentElement &&
        getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)"
      )
        behind = behind.parentElement;
      return [
        getComputedStyle(element).color,
        getComputedStyle(behind).backgroundColor,
      ];
    });
  const [light, dark] = [luminance(text), luminance(ground)].sort(
    (a, b) => b - a,
  );
  return (light + 0.05) / (dark + 0.05);
}

/** @param {string} colour As rgb(r, g, b). */
function luminance(colour) {
  const parts = (colour.match(/[\d.]+/g) ?? [])
    .slice(0, 3)
    .map((part) => Number(part) / 255);
  const [red, green, blue] = parts.map((part) =>
    part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
