import assert from "node:assert/strict";
import { test } from "node:test";

import {
  asFloat32,
  asType,
  fromHalf,
  rint,
  toHalf,
} from "../../web/src/numbers.js";

test("halves are rounded to the even number", () => {
  assert.deepEqual(
    [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.4, 2.6].map(rint),
    [0, 2, 2, 0, -2, -2, 2, 3],
  );
});

test("every number in half precision becomes itself again", () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = fromHalf(bits);
    if (Number.isFinite(value) && !Object.is(value, -0))
      assert.equal(toHalf(value), bits);
  }
});

test("half precision rounds to the nearest number, and halves to the even one", () => {
  const step = 2 ** -10;
  assert.equal(fromHalf(toHalf(1 + 0.4 * step)), 1);
  assert.equal(fromHalf(toHalf(1 + 0.5 * step)), 1);
  assert.equal(fromHalf(toHalf(1 + 1.5 * step)), 1 + 2 * step);
  assert.equal(fromHalf(toHalf(-65519)), -65504);
  assert.ok(Number.isNaN(fromHalf(toHalf(-65520))));
  assert.equal(fromHalf(toHalf(1.4 * 2 ** -24)), 2 ** -24);
});

test("known bits of half precision", () => {
  assert.deepEqual(
    [1, -2, 65504, 2 ** -14, 2 ** -24, 1 / 3].map(toHalf),
    [0x3c00, 0xc000, 0x7bff, 0x0400, 1, 0x3555],
  );
  assert.ok(Number.isNaN(fromHalf(0x7e00)));
});

test("bytes are rounded and clipped, and other whole numbers lose their fraction", () => {
  const values = Float32Array.of(-3.7, 2.5, 300);
  assert.deepEqual([...asType(values, "uint8")], [0, 2, 255]);
  assert.deepEqual([...asType(values, "int32")], [-3, 2, 300]);
});

test("outputs of any precision become single precision", () => {
  assert.deepEqual(
    asFloat32({ data: Uint16Array.of(0x3c00), type: "float16" }),
    Float32Array.of(1),
  );
  assert.deepEqual(
    asFloat32({ data: Float64Array.of(0.1), type: "float64" }),
    Float32Array.of(0.1),
  );
});
