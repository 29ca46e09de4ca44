/**
 * CAM, Grad-CAM and Guided Grad-CAM as functions of arrays.
 *
 * y^c is the score of class c before any softmax, and A^k is channel k of the chosen layer's output. Activations have N
 * rows, one for each image; gradients have M rows, one for each explained class, those of the first image first.
 */

import { product } from "./metadata.js";
import { floor, listOf, max, min, sum } from "./numbers.js";

/** @typedef {{data: Float32Array, dims: number[]}} Values An array and its shape. */

/**
 * Grad-CAM: M^c = ReLU(sum_k a_k^c A^k) with a_k^c = 1/Z sum_ij dy^c/dA^k_ij (Selvaraju et al. 2017,
 * https://arxiv.org/abs/1610.02391).
 *
 * @param {Values} activations A, [N, K, ...places].
 * @param {Values} gradients dy/dA, [M, K, ...places], the true gradient.
 * @param {boolean} [relu] Whether to keep only evidence for the class, and set negative values to zero.
 * @returns {Values} The maps at the layer's own size, [M, ...places].
 */
export function gradCam(activations, gradients, relu = true) {
  const Z = product(gradients.dims.slice(2));
  return weightedSum(activations, gradients, (value) => (relu ? max(value, 0) : value) / Z);
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
export function cam(activations, gradients) {
  return weightedSum(activations, gradients, Number);
}

/**
 * Guided Grad-CAM: guided backpropagation times the upsampled Grad-CAM map. Nothing is normalised inside the product
 * (Selvaraju et al. 2017, section 3.2).
 *
 * @param {Values} guided Guided backpropagation to the image, [M, ...input shape].
 * @param {Values} maps Grad-CAM after its ReLU, [M, ...places].
 * @param {string} layout The input's: a letter for each axis.
 * @returns {Values} The product, in the shape of `guided`.
 */
export function guidedGradCam({ data, dims }, maps, layout) {
  const large = upsample(
    maps,
    dims.slice(1).filter((_, axis) => layout[axis + 1] !== "C"),
  ).data;
  const places = large.length / dims[0];
  const channels = data.length / large.length;
  const product = data.map((value, index) => {
    const row = floor(index / (channels * places));
    const place = layout[1] === "C" ? index % places : floor(index / channels) % places;
    return value * large[row * places + place];
  });
  return { data: product, dims };
}

/**
 * Resamples maps to another size, one axis after the other, linearly and with half-pixel centres (PyTorch's
 * `align_corners=False`).
 *
 * @param {Values} maps [M, ...places].
 * @param {number[]} size The new sizes of the places.
 * @returns {Values} [M, ...size].
 */
export function upsample(maps, size) {
  return size.reduce(({ data, dims }, target, place) => {
    const source = dims[place + 1];
    const inner = product(dims.slice(place + 2));
    const between = neighbours(source, target);
    const large = new Float32Array((data.length / source) * target).map((_, index) => {
      const [lower, upper, share] = between[floor(index / inner) % target];
      const start = floor(index / inner / target) * source * inner + (index % inner);
      return data[start + lower * inner] * (1 - share) + data[start + upper * inner] * share;
    });
    return { data: large, dims: dims.with(place + 1, target) };
  }, maps);
}

/**
 * sum_k w_k A^k with w_k = sum_ij dy/dA^k_ij.
 *
 * @param {Values} activations
 * @param {Values} gradients
 * @param {(value: number) => number} finished What becomes of each value.
 * @returns {Values}
 */
function weightedSum(activations, gradients, finished) {
  const [rows, channels, ...places] = gradients.dims;
  const size = product(places);
  const maps = new Float64Array(rows * size);
  for (let row = 0; row < rows; row++) {
    const image = floor((row * activations.dims[0]) / rows);
    for (let channel = 0; channel < channels; channel++) {
      const start = (row * channels + channel) * size;
      const weight = sum(gradients.data.subarray(start, start + size));
      const from = (image * channels + channel) * size;
      for (let place = 0; place < size; place++) maps[row * size + place] += weight * activations.data[from + place];
    }
  }
  return { data: Float32Array.from(maps, finished), dims: [rows, ...places] };
}

/**
 * For each target index, the two source indices between which it lies, and the share of the second.
 *
 * @param {number} source
 * @param {number} target
 */
function neighbours(source, target) {
  return listOf(target, (index) => {
    const position = max(((index + 0.5) * source) / target - 0.5, 0);
    const lower = floor(position);
    return [lower, min(lower + 1, source - 1), position - lower];
  });
}
