import sharp from "sharp";
import type { GeneratedImage } from "../engine/engine.js";
import type { OutputSize } from "../job.js";
import type { Manifest } from "../model/manifest.js";
import { type ImageRequest, SamplingParameters } from "../model/parameters.js";
import { insertPngText, type PngText } from "./png-text.js";

/** These settings define the bytes: after a change, no PNG is byte-equal to one encoded before it. */
const PNG_SETTINGS = { compressionLevel: 6, adaptiveFiltering: true, palette: false } as const;

// An image is encoded on one thread of Node's pool; libvips would add one for each of the machine's cores where it may.
sharp.concurrency(1);

export type Pixels = Pick<GeneratedImage, "pixels" | "width" | "height">;

/**
 * A PNG of the given size, or of the pixels' own, whose text says how it was generated. The bytes depend on the arguments
 * alone; encoding runs off the event loop.
 */
export async function encodeImage(
  pixels: Pixels,
  request: ImageRequest,
  manifest: Manifest,
  size?: OutputSize,
): Promise<Uint8Array> {
  const text = [...imageText(request, manifest), ...(size ? sizeText(size, pixels) : [])];
  return insertPngText(await encodePng(pixels, size), text);
}

/** libvips scales with its kernel only to smaller sizes; to larger ones, lanczos3 stands for bicubic interpolation. */
const KERNELS = { smooth: "lanczos3", pixelated: "nearest" } as const;

export async function encodePng({ pixels, width, height }: Pixels, size?: OutputSize): Promise<Uint8Array> {
  const image = sharp(pixels, { raw: { width, height, channels: 3 } });
  if (size) image.resize({ width: size.width, height: size.height, fit: "fill", kernel: KERNELS[size.scaling] });
  return image.png(PNG_SETTINGS).toBuffer();
}

/** All that generates the image again, under the API's field names; nothing that varies from run to run. */
export function imageText({ parameters, seed, imageIndex }: ImageRequest, manifest: Manifest): PngText {
  const className = parameters.class === null ? "none" : manifest.classes[parameters.class]!.name;
  const sampling = Object.keys(SamplingParameters.properties) as (keyof SamplingParameters)[];
  return [
    ["Software", "Marimba"],
    ["model", manifest.name],
    ["model_hash", manifest.hash],
    ["class_name", className],
    ["seed", String(seed)],
    ["image_index", String(imageIndex)],
    ...sampling
      .filter((name) => parameters[name] !== undefined)
      .map((name) => [name, String(parameters[name])] as const),
  ];
}

function sizeText({ width, height, scaling }: OutputSize, generated: Pixels): PngText {
  return [
    ["width", String(width)],
    ["height", String(height)],
    ["scaling", scaling],
    ["generated_size", `${generated.width}x${generated.height}`],
  ];
}
