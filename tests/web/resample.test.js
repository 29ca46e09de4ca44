import assert from "node:assert/strict";
import { test } from "node:test";

import { crop, resample } from "../../web/src/resample.js";
import { arrayOf, cases, imageOf, largestDifference } from "./reference.js";

for (const { name, image, size, box, filter, pixels } of cases().resampled) {
  test(`${name} to ${size} by ${filter}${box ? `, of ${box}` : ""} has Pillow's pixels`, () => {
    const got = resample(imageOf(image), size, filter, box ? { box } : {});
    assert.deepEqual([got.width, got.height], size);
    assert.equal(largestDifference(got.data, arrayOf(pixels)), 0);
  });
}

for (const filter of ["nearest", "box", "bicubic"]) {
  test(`a window of the result is a part of the whole result, by ${filter}`, () => {
    const image = imageOf(cases().resampled[0].image);
    const all = resample(image, [90, 70], filter);
    const part = resample(image, [90, 70], filter, { window: [11, 5, 60, 69] });
    assert.deepEqual([...part.data], [...crop(all, [11, 5, 60, 69]).data]);
  });
}

test("a crop beyond the image is black", () => {
  const data = Uint8Array.from(
    [1, 2, 3, 4].flatMap((grey) => [grey, grey, grey]),
  );
  const got = crop({ data, width: 2, height: 2 }, [-1, -1, 3, 2]);
  const red = got.data.filter((_, index) => index % 3 === 0);
  assert.deepEqual([...red], [0, 0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0]);
});
