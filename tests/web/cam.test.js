import assert from "node:assert/strict";
import { test } from "node:test";

import { cam, gradCam } from "../../web/src/cam.js";

// One image with two channels of two places, and two explained classes.
const A = { data: Float32Array.of(1, 2, 3, 4), dims: [1, 2, 2] };
const DA = { data: Float32Array.of(2, 4, -6, -6, 0, 0, 1, 0), dims: [2, 2, 2] };

test("Grad-CAM weighs channels by the mean of their gradients, and CAM by the sum", () => {
  assert.deepEqual(gradCam(A, DA, false), {
    data: Float32Array.of(-15, -18, 1.5, 2),
    dims: [2, 2],
  });
  assert.deepEqual(gradCam(A, DA), {
    data: Float32Array.of(0, 0, 1.5, 2),
    dims: [2, 2],
  });
  assert.deepEqual(cam(A, DA), {
    data: Float32Array.of(-30, -36, 3, 4),
    dims: [2, 2],
  });
});
