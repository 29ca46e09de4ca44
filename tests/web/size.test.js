import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { ROOT } from "./reference.js";

const esbuild = createRequire(new URL("web/package.json", ROOT))("esbuild");

/** @type {Record<string, number>} */
const MOST_BYTES = { index: 20_000, targets: 5_100, detection: 3_700 };

for (const [entry, most] of Object.entries(MOST_BYTES)) {
  test(`${entry}.js and all that it imports have at most ${most} bytes when minified`, async () => {
    const entryPoints = [fileURLToPath(new URL(`web/src/${entry}.js`, ROOT))];
    const built = await esbuild.build({
      entryPoints,
      bundle: true,
      minify: true,
      format: "esm",
      write: false,
    });
    const { length } = built.outputFiles[0].contents;
    assert.ok(length <= most, `${length} bytes`);
  });
}
