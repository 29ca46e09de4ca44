import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { ROOT } from "./reference.js";

// 20 kB, and what reading two schemas of metadata takes.
const MOST_BYTES = 20_480;

test("all of the package is about 20 kB when it is minified", async () => {
  const esbuild = createRequire(new URL("web/package.json", ROOT))("esbuild");
  const entryPoints = [fileURLToPath(new URL("web/src/index.js", ROOT))];
  const built = await esbuild.build({
    entryPoints,
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
  });
  assert.ok(
    built.outputFiles[0].contents.length < MOST_BYTES,
    `${built.outputFiles[0].contents.length} bytes`,
  );
});
