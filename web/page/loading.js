/** Downloads files one after the other, and shows how far each is. */

/** @typedef {{show: (text: string, share?: number | null) => void}} Step A line of the list of what is loaded. */

/**
 * Adds a line to the list of what is loaded.
 *
 * @param {HTMLElement} list
 * @param {string} name
 * @returns {Step}
 */
export function step(list, name) {
  const line = document.createElement("li");
  const progress = Object.assign(document.createElement("progress"), { max: 1, value: 0 });
  progress.setAttribute("aria-label", name);
  const words = document.createElement("span");
  words.textContent = name;
  line.append(words, progress);
  list.append(line);
  return {
    show(text, share = null) {
      words.textContent = `${name}: ${text}`;
      if (share === null) progress.removeAttribute("value");
      else progress.value = share;
    },
  };
}

/**
 * Downloads a file.
 *
 * @param {string} address
 * @param {number} size In bytes; a compressed answer states another.
 * @param {Step} line
 * @returns {Promise<Uint8Array>}
 * @throws {Error} A sentence for the user.
 */
export async function download(address, size, line) {
  const response = await fetch(address).catch(() => {
    throw new Error(`${address} cannot be loaded; check the connection, and load the page again.`);
  });
  if (!response.ok || !response.body)
    throw new Error(`${address} cannot be loaded: the server answered ${response.status}.`);
  /** @type {BlobPart[]} */
  const parts = [];
  let loaded = 0;
  const reader = response.body.getReader();
  for (let part = await next(reader, address); !part.done; part = await next(reader, address)) {
    parts.push(part.value);
    loaded += part.value.length;
    line.show(`${megabytes(loaded)} of ${megabytes(size)} MB`, Math.min(loaded / size, 1));
  }
  line.show(`${megabytes(loaded)} MB`, 1);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/**
 * @param {ReadableStreamDefaultReader<any>} reader
 * @param {string} address
 */
function next(reader, address) {
  return reader.read().catch(() => {
    throw new Error(`${address} broke off; check the connection, and load the page again.`);
  });
}

/** @param {number} bytes */
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
