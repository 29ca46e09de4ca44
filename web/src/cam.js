/**
 * CAM and Grad-CAM as functions of arrays.
 *
 * y^c is the score of class c before any softmax, and A^k is channel k of the chosen layer's output. Activations have N
 * rows, one for each image; gradients have M rows, one for each explained class, those of the first image first.
 */

import { product } from "./metadata.js";
import { floor, max, sum } from "./numbers.js";

/** @typedef {{data: Float32Array, dims: number[]}} Values An array and its shape. */

/**
 * Grad-CAM: M^c = ReLU(sum_k a_k^c A^k) with a_k^c = 1/Z sum_ij dy^c/dA^k_ij (Selvaraju et al. 2017,
 * https://arxiv.org/abs/1610.02391).
 *
 * @param {Values} activations A, [N, K, ...places].
 * @param {Values} gradients dy/dA, [M, K, ...places], the true gradient.
 * @param {boolean} [relu] Whether to keep only evidence for the class, and set negative values to zero.
 * @param {number} [Z] The default is the number of places.
 * @returns {Values} The maps at the layer's own size, [M, ...places].
 */
export function gradCam(activations, gradients, relu = true, Z = product(gradients.dims.slice(2))) {
  const [rows, channels, ...places] = gradients.dims;
  const size = product(places);
  const maps = new Float64Array(rows * size);
  for (let row = 0; row < rows; row++) {
    const image = floor((row * activations.dims[0]) / rows);
    for (let channel = 0; channel < channels; channel++) {
      const start = (row * channels + channel) * size;
      const weight = sum(gradients.data.subarray(start, start + size)) / Z;
      const from = (image * channels + channel) * size;
      for (let place = 0; place < size; place++) maps[row * size + place] += weight * activations.data[from + place];
    }
  }
  return { data: Float32Array.from(maps, (value) => (relu ? max(value, 0) : value)), dims: [rows, ...places] };
}

/**
 * CAM: M^c = sum_k w_k^c A^k (Zhou et al. 2016, https://arxiv.org/abs/1512.04150).
 *
 * Only for the layer before global average pooling and a linear layer: there dy^c/dA^k_ij = w_k^c / Z at each of the Z
 * places, and their sum is exactly the linear layer's weight w_k^c.
 *
 * @param {Values} activations A, [N, K, ...places].
 * @param {Values} gradients dy/dA, [M, K, ...places].
 * @returns {Values} [M, ...places].
 */
export const cam = (activations, gradients) => gradCam(activations, gradients, false, 1);
