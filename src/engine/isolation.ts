/** Ends an image that cannot go on; `reason` is a sentence. */
export type Fail<Image> = (image: Image, reason: string) => void;

/**
 * Runs work for a group of images. If it throws, the halves are run by themselves, down to single images, so that
 * only an image which fails alone fails. Work must be repeatable: what it writes is a function of the image.
 */
export async function runIsolated<Image>(
  images: readonly Image[],
  run: (images: readonly Image[]) => Promise<void>,
  fail: Fail<Image>,
): Promise<void> {
  try {
    await run(images);
  } catch (error) {
    if (images.length === 1) return fail(images[0]!, error instanceof Error ? error.message : String(error));
    const middle = Math.ceil(images.length / 2);
    await runIsolated(images.slice(0, middle), run, fail);
    await runIsolated(images.slice(middle), run, fail);
  }
}

/** Splits images into runs whose sizes add up to at most `limit`; an image larger than that runs alone. */
export function chunksBySize<Image>(
  images: readonly Image[],
  limit: number,
  sizeOf: (image: Image) => number,
): Image[][] {
  const chunks: Image[][] = [];
  let size = 0;
  for (const image of images) {
    const more = sizeOf(image);
    if (chunks.length === 0 || size + more > limit) {
      chunks.push([]);
      size = 0;
    }
    chunks.at(-1)!.push(image);
    size += more;
  }
  return chunks;
}
