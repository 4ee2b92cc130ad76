import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { EvaluationError } from "../../evaluation/error.js";
import type { PictureBatch } from "../../evaluation/feature-network.js";
import { NpzFile } from "../../evaluation/npz.js";

/** Pictures of one size, in an order that does not change. */
export interface PictureSet {
  readonly count: number;
  /** In batches of at most `size`. Throws `EvaluationError` where one can't be read or has another size. */
  batches(size: number): AsyncIterable<PictureBatch>;
}

const PICTURE_NAME = /\.(png|jpe?g|webp|bmp|tiff?)$/i;

interface Picture {
  readonly pixels: Uint8Array; // [height, width, 3]
  readonly width: number;
  readonly height: number;
}

/** A folder of picture files in the order of their names, or an `.npz`; of either the first `num`, or all. Throws `EvaluationError`. */
export async function openPictureSet(path: string, num?: number): Promise<PictureSet> {
  const found = await stat(path);
  const most = num ?? Number.POSITIVE_INFINITY;
  const set = await (found.isDirectory() ? openFolder(path, most) : openNpz(path, most));
  if (num !== undefined && set.count < num)
    throw new EvaluationError(`${path} holds ${set.count} pictures, not ${num}.`);
  return set;
}

async function openFolder(folder: string, most: number): Promise<PictureSet> {
  const files = (await readdir(folder)).filter((name) => PICTURE_NAME.test(name) && !name.startsWith("."));
  if (files.length === 0) throw new EvaluationError(`There are no pictures in ${folder}.`);
  const paths = files
    .sort()
    .slice(0, most)
    .map((name) => join(folder, name));
  return {
    count: paths.length,
    async *batches(size) {
      let first: Picture | undefined;
      for (let start = 0; start < paths.length; start += size) {
        const part = paths.slice(start, start + size);
        const pictures = await Promise.all(part.map(readPicture));
        first ??= pictures[0]!;
        yield joinPictures(part, pictures, first);
      }
    },
  };
}

async function readPicture(path: string): Promise<Picture> {
  try {
    const { data, info } = await sharp(path)
      .toColourspace("srgb")
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { pixels: data, width: info.width, height: info.height };
  } catch (error) {
    throw new EvaluationError(`The picture ${path} can't be read: ${(error as Error).message}.`);
  }
}

function joinPictures(
  paths: readonly string[],
  pictures: readonly Picture[],
  { width, height }: Picture,
): PictureBatch {
  const size = width * height * 3;
  const pixels = new Uint8Array(pictures.length * size);
  pictures.forEach((picture, i) => {
    if (picture.width !== width || picture.height !== height)
      throw new EvaluationError(
        `The picture ${paths[i]} has ${picture.width} x ${picture.height} pixels, and those before it ${width} x ${height}.`,
      );
    pixels.set(picture.pixels, i * size);
  });
  return { count: pictures.length, width, height, pixels };
}

async function openNpz(path: string, most: number): Promise<PictureSet> {
  const file = await NpzFile.open(path);
  try {
    const { type, shape } = await file.header("arr_0");
    const [all, height, width, channels] = shape;
    if (type !== "|u1" || shape.length !== 4 || channels !== 3)
      throw new EvaluationError(`${path}: arr_0 must be pictures of bytes [N, H, W, 3].`);
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
    throw new EvaluationError(`${path}: arr_0 ends after ${read} pictures.`);
  } finally {
    file.close();
  }
}
