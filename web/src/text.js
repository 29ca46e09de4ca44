/** Text for messages: short, on one line, and without characters that a terminal would obey. */

/**
 * A value in words; what is invisible in it is left out.
 *
 * @param {unknown} value
 */
export function shown(value) {
  const longest = 300;
  const text = value instanceof Error ? value.message.trim().split("\n")[0] : String(value);
  return text.slice(0, longest).replace(/\p{C}/gu, "");
}

/**
 * A value as Python's `repr` shows it: text in quotes, numbers as they are.
 *
 * @param {unknown} value
 */
export const quoted = (value) => (typeof value === "string" ? `'${shown(value)}'` : shown(value));
