import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { EvaluationError } from "../../evaluation/error.js";
import type { ImageBatch } from "../../evaluation/feature-network.js";
import { NpzFile } from "../../evaluation/npz.js";

/** Images of one size, in a fixed order. */
export interface ImageSet {
  readonly count: number;
  /** In batches of at most `size`. Throws `EvaluationError` for an image that can't be read or has another size. */
  batches(size: number): AsyncIterable<ImageBatch>;
}

const IMAGE_NAME = /\.(png|jpe?g|webp|bmp|tiff?)$/i;

interface Image {
  readonly pixels: Uint8Array; // [height, width, 3]
  readonly width: number;
  readonly height: number;
}

/**
 * Opens a folder of image files or of subfolders that have them, as a training takes them, in the order of their names, or an `.npz`; the
 * first `num` images, or all. Throws `EvaluationError`.
 */
export async function openImageSet(path: string, num?: number): Promise<ImageSet> {
  const found = await stat(path);
  const most = num ?? Number.POSITIVE_INFINITY;
  const set = await (found.isDirectory() ? openFolder(path, most) : openNpz(path, most));
  if (num !== undefined && set.count < num) throw new EvaluationError(`${path} holds ${set.count} images, not ${num}.`);
  return set;
}

async function openFolder(folder: string, most: number): Promise<ImageSet> {
  const all = await imagesIn(folder);
  if (all.length === 0) throw new EvaluationError(`There are no images in ${folder}, nor in its subfolders.`);
  const paths = all.slice(0, most);
  return {
    count: paths.length,
    async *batches(size) {
      let first: Image | undefined;
      for (let start = 0; start < paths.length; start += size) {
        const part = paths.slice(start, start + size);
        const images = await Promise.all(part.map(readImage));
        first ??= images[0]!;
        yield joinImages(part, images, first);
      }
    },
  };
}

/** The paths of a folder's images, or of those of its subfolders where it has none itself. */
async function imagesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const isSeen = ({ name }: Dirent) => !name.startsWith(".");
  const images = (all: readonly Dirent[], within: string) =>
    all
      .filter((entry) => !entry.isDirectory() && isSeen(entry) && IMAGE_NAME.test(entry.name))
      .map(({ name }) => join(within, name))
      .sort();
  const own = images(entries, folder);
  if (own.length > 0) return own;
  const subfolders = entries
    .filter((entry) => entry.isDirectory() && isSeen(entry))
    .map(({ name }) => join(folder, name));
  const within = subfolders.sort().map(async (path) => images(await readdir(path, { withFileTypes: true }), path));
  return (await Promise.all(within)).flat();
}

async function readImage(path: string): Promise<Image> {
  try {
    const { data, info } = await sharp(path)
      .toColourspace("srgb")
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { pixels: data, width: info.width, height: info.height };
  } catch (error) {
    throw new EvaluationError(`The image ${path} can't be read: ${(error as Error).message}.`);
  }
}

function joinImages(paths: readonly string[], images: readonly Image[], { width, height }: Image): ImageBatch {
  const size = width * height * 3;
  const pixels = new Uint8Array(images.length * size);
  images.forEach((image, i) => {
    if (image.width !== width || image.height !== height)
      throw new EvaluationError(
        `The image ${paths[i]} has ${image.width} x ${image.height} pixels, but those before it have ${width} x ${height}.`,
      );
    pixels.set(image.pixels, i * size);
  });
  return { count: images.length, width, height, pixels };
}

async function openNpz(path: string, most: number): Promise<ImageSet> {
  const file = await NpzFile.open(path);
  try {
    const { type, shape } = await file.header("arr_0");
    const [all, height, width, channels] = shape;
    if (type !== "|u1" || shape.length !== 4 || channels !== 3)
      throw new EvaluationError(`${path}: arr_0 must be uint8 [N, H, W, 3].`);
    return {
      count: Math.min(all!, most),
      batches: (size) => npzBatches(path, size, Math.min(all!, most), width!, height!),
    };
  } finally {
    file.close();
  }
}

async function* npzBatches(path: string, size: number, count: number, width: number, height: number) {
  const file = await NpzFile.open(path);
  const area = width * height * 3;
  let pixels = new Uint8Array(size * area);
  let read = 0;
  try {
    for await (const row of file.rows("arr_0")) {
      pixels.set(row, (read % size) * area);
      read++;
      if (read % size !== 0 && read < count) continue;
      const held = ((read - 1) % size) + 1;
      yield { count: held, width, height, pixels: pixels.subarray(0, held * area) };
      pixels = new Uint8Array(size * area);
      if (read === count) return;
    }
    throw new EvaluationError(`${path}: arr_0 ends after ${read} images.`);
  } finally {
    file.close();
  }
}
