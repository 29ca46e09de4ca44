/** Rounding as numpy rounds, and half precision, which Node 20 lacks. */

/**
 * The nearest whole number; halves go to the even one.
 *
 * @param {number} value
 */
export function rint(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export function clip(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/**
 * Numbers as a tensor of a type takes them: uint8 is rounded and clipped, other integers lose their fraction.
 *
 * @param {Float32Array} values
 * @param {string} dtype
 * @returns {Float32Array | Uint16Array | Uint8ClampedArray | number[]}
 */
export function asType(values, dtype) {
  if (dtype === "float32") return values;
  if (dtype === "float16") return Uint16Array.from(values, toHalf);
  return Array.from(values, (value) => (dtype === "uint8" ? clip(rint(value), 0, 255) : dtype === "float64" ? value : Math.trunc(value)));
}

/**
 * The values of a tensor of any floating type in single precision.
 *
 * @param {{data: any, type: string}} tensor
 */
export function asFloat32({ data, type }) {
  if (data instanceof Float32Array) return data;
  return Float32Array.from(data, type === "float16" && data instanceof Uint16Array ? fromHalf : Number);
}

const SMALLEST_NORMAL = 2 ** -14;

/**
 * The bits of the nearest number in half precision.
 *
 * @param {number} value Finite.
 */
export function toHalf(value) {
  const sign = value < 0 ? 0x8000 : 0;
  const size = Math.abs(value);
  const exponent = Math.floor(Math.log2(Math.max(size, SMALLEST_NORMAL)));
  // The fraction may round up to the next power of two, whose bits follow these; beyond the largest is infinity.
  const bits = ((exponent + 14) << 10) + rint(size * 2 ** (10 - exponent));
  return sign + Math.min(bits, 0x7c00);
}

/**
 * The number that bits in half precision stand for.
 *
 * @param {number} bits
 */
export function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent ? sign * (1024 + fraction) * 2 ** (exponent - 25) : sign * fraction * 2 ** -24;
}
