/** Reads the user's file as an image, and refuses what the browser could not hold. */

const MOST_PIXELS = 2 ** 26;

/**
 * Decodes a file. Its size is looked at first, since decoding an enormous picture would take all memory.
 *
 * @param {File} file
 * @returns {Promise<ImageBitmap>} Upright, its colours as they are in the file.
 * @throws {Error} A sentence for the user.
 */
export async function decoded(file) {
  const { width, height } = await sizeOf(file);
  if (width * height > MOST_PIXELS)
    throw new Error(`${file.name} has ${width} by ${height} pixels; choose a picture of at most 67 million.`);
  return createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" }).catch(() => {
    throw new Error(`${file.name} is damaged; choose another picture.`);
  });
}

/** @param {File} file @returns {Promise<{width: number, height: number}>} */
async function sizeOf(file) {
  const address = URL.createObjectURL(file);
  try {
    const image = new Image();
    await new Promise((resolve, reject) => {
      Object.assign(image, { onload: resolve, onerror: reject, src: address });
    });
    return { width: image.naturalWidth, height: image.naturalHeight };
  } catch {
    throw new Error(
      `${file.name} is not a picture that this browser reads, or is enormous; choose a JPEG, PNG or WebP.`,
    );
  } finally {
    URL.revokeObjectURL(address);
  }
}
