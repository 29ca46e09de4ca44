/**
 * CAM, Grad-CAM and Guided Grad-CAM as functions of arrays.
 *
 * y^c is the score of class c before any softmax, and A^k is channel k of the chosen layer's output. Activations have N
 * rows, one for each image; gradients have M rows, one for each explained class, those of the first image first.
 */

import { product } from "./metadata.js";

/** @typedef {{data: Float32Array, dims: number[]}} Values An array and its shape. */

/**
 * M^c = ReLU(sum_k a_k^c A^k) with a_k^c = 1/Z sum_ij dy^c/dA^k_ij (Selvaraju et al. 2017,
 * https://arxiv.org/abs/1610.02391).
 *
 * @param {Values} activations A, [N, K, ...places].
 * @param {Values} gradients dy/dA, [M, K, ...places], the true gradient.
 * @param {boolean} [relu] Whether to keep only evidence for the class, and set negative values to zero.
 * @returns {Values} The maps at the layer's own size, [M, ...places].
 */
export function gradCam(activations, gradients, relu = true) {
  const maps = weightedSum(activations, gradients, 1 / product(gradients.dims.slice(2)));
  return relu ? { ...maps, data: maps.data.map((value) => Math.max(value, 0)) } : maps;
}

/**
 * M^c = sum_k w_k^c A^k (Zhou et al. 2016, https://arxiv.org/abs/1512.04150).
 *
 * Only for the layer before global average pooling and a linear layer: there dy^c/dA^k_ij = w_k^c / Z at each of the Z
 * places, and their sum is exactly the linear layer's weight w_k^c.
 *
 * @param {Values} activations A, [N, K, ...places].
 * @param {Values} gradients dy/dA, [M, K, ...places].
 * @returns {Values} [M, ...places].
 */
export function cam(activations, gradients) {
  return weightedSum(activations, gradients, 1);
}

/**
 * Guided Grad-CAM: guided backpropagation times the upsampled Grad-CAM map. Nothing is normalised inside the product
 * (Selvaraju et al. 2017, section 3.2).
 *
 * @param {Values} guided Guided backpropagation to the image, [M, C, H, W] or [M, H, W, C].
 * @param {Values} maps Grad-CAM after its ReLU, [M, h, w].
 * @param {"NCHW" | "NHWC"} layout Which of the two shapes `guided` has.
 * @param {"bilinear" | "nearest"} [interpolation]
 * @returns {Values} The product, in the shape of `guided`.
 */
export function guidedGradCam(guided, maps, layout, interpolation = "bilinear") {
  const isFirst = layout === "NCHW";
  const [channels, height, width] = isFirst ? guided.dims.slice(1) : [guided.dims[3], guided.dims[1], guided.dims[2]];
  const large = upsample(maps, [height, width], interpolation).data;
  const places = height * width;
  const data = guided.data.map((value, index) => {
    const row = Math.floor(index / (channels * places));
    const place = isFirst ? index % places : Math.floor(index / channels) % places;
    return value * large[row * places + place];
  });
  return { data, dims: guided.dims };
}

/**
 * Resamples maps to another size, as `torch.nn.functional.interpolate` does.
 *
 * @param {Values} maps [M, h, w].
 * @param {[number, number]} size The new (height, width).
 * @param {"bilinear" | "nearest"} [interpolation] Bilinear has half-pixel centres, PyTorch's `align_corners=False`.
 * @returns {Values} [M, height, width].
 */
export function upsample({ data, dims: [rows, h, w] }, [height, width], interpolation = "bilinear") {
  const neighbours = interpolation === "nearest" ? nearest : bilinear;
  const [down, across] = [neighbours(h, height), neighbours(w, width)];
  const large = new Float32Array(rows * height * width);
  let to = 0;
  for (let row = 0; row < rows; row++) {
    for (const [above, below, low] of down) {
      for (const [left, right, aside] of across) {
        const at = (/** @type {number} */ y, /** @type {number} */ x) => data[(row * h + y) * w + x];
        const upper = at(above, left) * (1 - aside) + at(above, right) * aside;
        const lower = at(below, left) * (1 - aside) + at(below, right) * aside;
        large[to++] = upper * (1 - low) + lower * low;
      }
    }
  }
  return { data: large, dims: [rows, height, width] };
}

/**
 * sum_k w_k A^k with w_k = factor sum_ij dy/dA^k_ij.
 *
 * @param {Values} activations
 * @param {Values} gradients
 * @param {number} factor
 * @returns {Values}
 */
function weightedSum(activations, gradients, factor) {
  const [rows, channels, ...places] = gradients.dims;
  const size = product(places);
  const maps = new Float64Array(rows * size);
  for (let row = 0; row < rows; row++) {
    const image = Math.floor((row * activations.dims[0]) / rows);
    for (let channel = 0; channel < channels; channel++) {
      const weight = factor * sumOf(gradients.data, (row * channels + channel) * size, size);
      const from = (image * channels + channel) * size;
      for (let place = 0; place < size; place++) maps[row * size + place] += weight * activations.data[from + place];
    }
  }
  return { data: Float32Array.from(maps), dims: [rows, ...places] };
}

/**
 * @param {Float32Array} data
 * @param {number} start
 * @param {number} length
 */
function sumOf(data, start, length) {
  let total = 0;
  for (let index = start; index < start + length; index++) total += data[index];
  return total;
}

/**
 * For each target index, the two source indices between which it lies, and the share of the second.
 *
 * @param {number} source
 * @param {number} target
 */
function bilinear(source, target) {
  return Array.from({ length: target }, (_, index) => {
    const position = Math.max(((index + 0.5) * source) / target - 0.5, 0);
    const lower = Math.floor(position);
    return [lower, Math.min(lower + 1, source - 1), position - lower];
  });
}

/**
 * For each target index floor(i * source / target), in single precision as PyTorch computes it.
 *
 * @param {number} source
 * @param {number} target
 */
function nearest(source, target) {
  const scale = Math.fround(source / target);
  return Array.from({ length: target }, (_, index) => {
    const at = Math.min(Math.floor(Math.fround(index * scale)), source - 1);
    return [at, at, 0];
  });
}
