import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { arrayOf, cases, largestDifference, ROOT } from "./reference.js";

test("the program for Node without our package gives Python's class and map", () => {
  const folder = mkdtempSync(join(tmpdir(), "onnxcam-"));
  try {
    const { model, pixels, classIndex, map } = cases().withoutOurPackage;
    const document = readFileSync(
      new URL("docs/other-languages.md", ROOT),
      "utf8",
    );
    writeFileSync(
      join(folder, "explain.mjs"),
      document.match(/```js\n(\/\/ explain\.mjs[^]*?)```/)?.[1] ?? "",
    );
    writeFileSync(join(folder, "required.onnx"), arrayOf(model));
    writeFileSync(
      join(folder, "photo.ppm"),
      Buffer.concat([Buffer.from("P6 224 224 255\n"), arrayOf(pixels)]),
    );
    symlinkSync(
      fileURLToPath(new URL("web/node_modules", ROOT)),
      join(folder, "node_modules"),
    );
    const printed = execFileSync(
      process.execPath,
      ["explain.mjs", "required.onnx", "photo.ppm"],
      { cwd: folder },
    );
    assert.equal(printed.toString(), `class ${classIndex}\n`);
    const picture = readFileSync(join(folder, "map.pgm"));
    assert.equal(picture.subarray(0, 11).toString(), "P5 7 7 255\n");
    assert.ok(largestDifference(picture.subarray(11), arrayOf(map)) <= 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
