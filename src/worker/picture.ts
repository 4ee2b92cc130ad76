import sharp from "sharp";
import type { GeneratedImage } from "../engine/engine.js";
import type { Manifest } from "../model/manifest.js";
import { type ImageRequest, SamplingParameters } from "../model/parameters.js";
import { insertPngText, type PngText } from "./png-text.js";

/** Part of the bytes' definition: change one and no PNG is byte-equal to those made before. */
const PNG_SETTINGS = { compressionLevel: 6, adaptiveFiltering: true, palette: false } as const;

type Pixels = Pick<GeneratedImage, "pixels" | "width" | "height">;

/** Pixels as a PNG that says how it was made. The bytes are a function of the arguments; runs off the event loop. */
export async function encodePicture(pixels: Pixels, request: ImageRequest, manifest: Manifest): Promise<Uint8Array> {
  return insertPngText(await encodePng(pixels), pictureText(request, manifest));
}

export async function encodePng({ pixels, width, height }: Pixels): Promise<Uint8Array> {
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png(PNG_SETTINGS)
    .toBuffer();
}

/** What it takes to make the picture again, under the names of the wire; nothing that varies from run to run. */
export function pictureText({ parameters, seed, imageIndex }: ImageRequest, manifest: Manifest): PngText {
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
