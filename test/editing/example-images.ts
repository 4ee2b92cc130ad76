import sharp, { type Sharp } from "sharp";
import type { Manifest } from "../../src/model/manifest.js";
import { exampleManifest } from "../model/example-manifest.js";

/** The example model (128x128 pixels, 4x4 tokens of 32x32 pixels) with an encoder. */
export function editableManifest(): Manifest {
  const manifest = exampleManifest();
  const encoder = { encoder_levels: [{ channels: 32, blocks: 2, attention: false }] };
  Object.assign(manifest.architecture.tokenizer, encoder);
  return manifest;
}

export interface Painting {
  readonly width?: number;
  readonly height?: number;
  /** The pixel's channels: RGB, or RGBA. */
  paint(x: number, y: number): readonly number[];
}

/** Some colour that differs from pixel to pixel. */
export const colours: Painting["paint"] = (x, y) => [(x * 2) % 256, (y * 2) % 256, (x * y) % 256];

/** An image that is painted pixel by pixel, to be encoded in any format; of the example model's size unless given. */
export function painted({ width = 128, height = 128, paint }: Painting): Sharp {
  const channels = paint(0, 0).length as 3 | 4;
  const pixels = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) pixels.set(paint(x, y), (y * width + x) * channels);
  return sharp(pixels, { raw: { width, height, channels } });
}

/** A mask that is white where `isMarked`, and black elsewhere. */
export function maskOf(isMarked: (x: number, y: number) => boolean, width = 128, height = 128): Promise<Buffer> {
  const paint = (x: number, y: number) => Array(3).fill(isMarked(x, y) ? 255 : 0);
  return painted({ width, height, paint }).png().toBuffer();
}

/** The RGBA pixels of a PNG. */
export async function pixelsOf(png: Uint8Array) {
  const { data, info } = await sharp(png).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 4, (y * info.width + x) * 4 + 4)];
  return { data, width: info.width, height: info.height, at };
}
