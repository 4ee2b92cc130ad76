import sharp from "sharp";
import { badUpload, type Upload } from "./upload.js";

/** Most pixels that are decoded, as the file's header states them: a small file can claim billions. */
export const MAX_UPLOAD_PIXELS = 4096 * 4096;
/** Longest that decoding one image may take. */
const DECODE_S = 10;
/** Images that are decoded at once; each may take a few hundred MB. */
const MAX_DECODING = 2;

// No other format has a decoder in this process, whatever a file pretends to be.
sharp.block({ operation: ["VipsForeignLoad"] });
sharp.unblock({
  operation: ["VipsForeignLoadPngBuffer", "VipsForeignLoadJpegBuffer", "VipsForeignLoadWebpBuffer"],
});
// Of uploads, nothing is to stay in memory.
sharp.cache(false);

const OPTIONS = { failOn: "error", limitInputPixels: MAX_UPLOAD_PIXELS, sequentialRead: true } as const;

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** [height, width, 4]: RGB and alpha, 8 bits each. */
export interface Pixels extends Size {
  readonly rgba: Uint8Array;
}

/** The size as the image is looked at, which its EXIF orientation may turn. Reads the header only. */
export async function sizeOf({ bytes, format, pointer }: Upload): Promise<Size> {
  const metadata = await sharp(bytes, { ...OPTIONS, limitInputPixels: false })
    .metadata()
    .catch(() => undefined);
  if (metadata?.format !== format) throw damaged(format, pointer);
  const { width, height } = metadata.autoOrient;
  if (width * height <= MAX_UPLOAD_PIXELS) return { width, height };
  throw badUpload(pointer, `may have at most ${MAX_UPLOAD_PIXELS} pixels, not ${width}x${height}`);
}

/** Decodes to sRGB, turned as its EXIF orientation asks; with a size, scaled to it: cut to its proportions, or distorted. */
export async function decode(
  { bytes, format, pointer }: Upload,
  resize?: Size & { readonly fit: "cover" | "fill" },
): Promise<Pixels> {
  return turns.take(async () => {
    const image = sharp(bytes, OPTIONS).timeout({ seconds: DECODE_S }).autoOrient();
    if (resize) image.resize(resize);
    const decoding = image.toColourspace("srgb").ensureAlpha().raw({ depth: "uchar" });
    const { data, info } = await decoding.toBuffer({ resolveWithObject: true }).catch((error: Error) => {
      if (/timeout/i.test(error.message)) throw badUpload(pointer, `takes longer than ${DECODE_S} s to decode`);
      throw damaged(format, pointer);
    });
    return { rgba: data, width: info.width, height: info.height };
  });
}

/** Whether the file has an alpha channel. Reads the header only. */
export async function hasAlpha({ bytes }: Upload): Promise<boolean> {
  return (await sharp(bytes, OPTIONS).metadata()).hasAlpha;
}

/** A PNG that keeps the colours of transparent pixels. */
export async function encodeCanvas({ rgba, width, height }: Pixels): Promise<Uint8Array> {
  return sharp(rgba, { raw: { width, height, channels: 4 } })
    .png()
    .toBuffer();
}

/** Decodes a canvas that this program encoded. */
export async function decodeCanvas(png: Uint8Array): Promise<Pixels> {
  const { data, info } = await sharp(png).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  return { rgba: data, width: info.width, height: info.height };
}

function damaged(format: Upload["format"], pointer: string) {
  const name = { png: "PNG", jpeg: "JPEG", webp: "WebP" }[format];
  return badUpload(pointer, `must be a whole ${name} image: this one is damaged or cut short`);
}

/** A bounded number at a time; the others wait, first come, first served. */
class Turns {
  #free = MAX_DECODING;
  readonly #waiting: (() => void)[] = [];

  async take<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}

const turns = new Turns();
