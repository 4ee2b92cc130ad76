import sharp, { type Sharp } from "sharp";
import type { GeneratedImage } from "../engine/engine.js";
import { BEST_COMPRESSION, type JobSpec, type OutputSize } from "../job.js";
import type { Edit } from "../model/edit.js";
import type { Manifest } from "../model/manifest.js";
import { type ImageRequest, SamplingParameters } from "../model/parameters.js";
import { type Facts, insertPngText } from "./png-text.js";

/** These settings define the bytes: after a change, no image is byte-equal to one encoded before it. */
const PNG_SETTINGS = { compressionLevel: 6, adaptiveFiltering: true, palette: false } as const;
const JPEG_SETTINGS = { chromaSubsampling: "4:4:4" } as const;
const WEBP_SETTINGS = { effort: 4, smartSubsample: true } as const;

// An image is encoded on one thread of Node's pool; libvips would add one for each of the machine's cores where it may.
sharp.concurrency(1);

export type Pixels = Pick<GeneratedImage, "pixels" | "width" | "height">;

/** The part of a job that says what its images are encoded as. */
export type Output = Pick<JobSpec, "output_format" | "output_compression" | "output_size">;

/**
 * An image file that also contains its facts: a PNG in its text, a JPEG and a WebP as JSON in the `ImageDescription` of their
 * EXIF. The bytes depend on the arguments alone; encoding runs off the event loop.
 */
export async function encodeImage(
  pixels: Pixels,
  facts: Facts,
  { output_format, output_compression = BEST_COMPRESSION, output_size }: Output = { output_format: "png" },
): Promise<Uint8Array> {
  const all = [...facts, ...(output_size ? sizeFacts(output_size, pixels) : [])];
  if (output_format === "png") return insertPngText(await encodePng(pixels, output_size), all);
  const description = asciiJson([...all, ["output_compression", String(output_compression)]]);
  const image = drawImage(pixels, output_size).withExif({
    IFD0: { Software: SOFTWARE, ImageDescription: description },
  });
  // The encoders' own qualities begin at 1.
  const quality = Math.max(1, output_compression);
  if (output_format === "jpeg") return image.jpeg({ ...JPEG_SETTINGS, quality }).toBuffer();
  return image.webp({ ...WEBP_SETTINGS, quality }).toBuffer();
}

export async function encodePng(pixels: Pixels, size?: OutputSize): Promise<Uint8Array> {
  return drawImage(pixels, size).png(PNG_SETTINGS).toBuffer();
}

/** libvips scales with its kernel only to smaller sizes; to larger ones, lanczos3 stands for bicubic interpolation. */
const KERNELS = { smooth: "lanczos3", pixelated: "nearest" } as const;

function drawImage({ pixels, width, height }: Pixels, size?: OutputSize): Sharp {
  const image = sharp(pixels, { raw: { width, height, channels: 3 } });
  if (size) image.resize({ width: size.width, height: size.height, fit: "fill", kernel: KERNELS[size.scaling] });
  return image;
}

/** EXIF's text is ASCII. */
function asciiJson(facts: Facts): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(Object.fromEntries(facts)).replace(/[^ -~]/g, escaped);
}

const SOFTWARE = "Marimba";

/** All that generates the image again, under the API's field names; nothing that varies from run to run. */
export function imageFacts({ parameters, seed, imageIndex }: ImageRequest, manifest: Manifest): Facts {
  const className = parameters.class === null ? "none" : manifest.classes[parameters.class]!.name;
  const sampling = Object.keys(SamplingParameters.properties) as (keyof SamplingParameters)[];
  return [
    ["Software", SOFTWARE],
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

/** How the image came from another one, which the facts do not contain. */
export function editFacts(edit: Edit | undefined): Facts {
  if (!edit) return [];
  const { window, mask_grow, feather, strength } = edit;
  return [
    ["edited", "true"],
    ["edit_window", `${window.left},${window.top}`],
    ["mask_grow", String(mask_grow)],
    ["feather", String(feather)],
    ["strength", String(strength)],
  ];
}

function sizeFacts({ width, height, scaling }: OutputSize, generated: Pixels): Facts {
  return [
    ["width", String(width)],
    ["height", String(height)],
    ["scaling", scaling],
    ["generated_size", `${generated.width}x${generated.height}`],
  ];
}
