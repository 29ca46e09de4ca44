/** Rounding as numpy rounds, and half precision, which Node 20 lacks. */

export const { floor, fround, max, min, trunc } = Math;

/**
 * A list of what a function gives for 0, 1, 2, …
 *
 * @template Item
 * @param {number} length
 * @param {(index: number) => Item} of
 * @returns {Item[]}
 */
export const listOf = (length, of) => Array.from({ length }, (_, index) => of(index));

/**
 * The sum of numbers, which is finite if they are: single precision cannot leave the range of this one.
 *
 * @param {ArrayLike<number>} values
 */
export function sum(values) {
  let total = 0;
  for (let index = 0; index < values.length; index++) total += values[index];
  return total;
}

/**
 * The nearest whole number; halves go to the even one.
 *
 * @param {number} value
 */
export function rint(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 ? rounded & ~1 : rounded;
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export const clip = (value, low, high) => min(max(value, low), high);

/**
 * Numbers as a tensor of a type takes them: uint8 is rounded and clipped, other integers lose their fraction.
 *
 * @param {Float32Array} values
 * @param {string} dtype
 * @returns {Iterable<number> & ArrayLike<number>}
 */
export function asType(values, dtype) {
  if (dtype === "float32") return values;
  if (dtype === "float16") return Uint16Array.from(values, toHalf);
  return dtype === "uint8" ? Uint8ClampedArray.from(values) : Array.from(values, dtype === "float64" ? Number : trunc);
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

// Times this, half precision has the exponents of single precision, also below the smallest normal number.
const SHIFT = 2 ** 112;
const DROPPED = 13; // bits of the fraction that half precision does not have

/**
 * The bits of the nearest number in half precision; halves go to the even one.
 *
 * @param {number} value Finite.
 */
export function toHalf(value) {
  const [bits] = new Uint32Array(Float32Array.of(Math.abs(value) / SHIFT).buffer);
  const sign = value < 0 ? 0x8000 : 0;
  return sign + min((bits + 0xfff + ((bits >> DROPPED) & 1)) >> DROPPED, 0x7c00);
}

/**
 * The number that bits in half precision stand for; NaN for what is not finite.
 *
 * @param {number} bits
 */
export function fromHalf(bits) {
  const largest = 65504;
  const [size] = new Float32Array(Uint32Array.of((bits & 0x7fff) << DROPPED).buffer);
  return size * SHIFT > largest ? NaN : (bits & 0x8000 ? -size : size) * SHIFT;
}
