import { Decoder } from "../../engine/decoder.js";
import { pixelRoundingOf } from "../../families/families.js";
import type { PixelRounding } from "../../model/graph/pixels.js";
import type { ExposedModel } from "./family-parity.js";
import type { Recording } from "./recording.js";
import { ALLOWED, type Report } from "./report.js";

/** What a byte is of an image's number x. */
export const PIXEL_RULES: Readonly<Record<PixelRounding, string>> = {
  nearest: "round-half-even(clip(255 (x + 1) / 2, 0, 255))",
  down: "clip(127.5 x + 128, 0, 255), cut off",
  truncated: "255 clip(x / 2 + 1 / 2, 0, 1), cut off",
};

/** Compares the image of a run's latents: its numbers with those recorded, and the bytes of both with the numbers. */
export async function compareImage(
  model: ExposedModel,
  recording: Recording,
  report: Report,
  latents: Float32Array,
): Promise<void> {
  const { runtime, generator, tokenizer } = model;
  const { name } = recording;
  const expected = await recording.floats("image");
  const decoder = new Decoder(runtime, tokenizer, generator.latent_channels);
  const { image = new Float32Array(0), pixels } = await decoder.decode(latents);
  report.numbers(name, "image", "image", ALLOWED.image, { shape: expected.shape, data: image }, expected);
  const plane = tokenizer.image_height * tokenizer.image_width;
  const recorded = (await recording.tensor("pixels")).data;
  const rounding = pixelRoundingOf(model);
  const follow = pixelsFollow(image, pixels, plane, rounding) && pixelsFollow(expected.data, recorded, plane, rounding);
  report.holds(name, "pixels", "image", follow, `a pixel is not ${PIXEL_RULES[rounding]} of the image`);
}

/** Whether the bytes, channels last, are the float image's, in float32 arithmetic as in the graph. `plane`: pixels of one image. */
export function pixelsFollow(
  image: ArrayLike<number>,
  pixels: ArrayLike<number>,
  plane: number,
  rounding: PixelRounding,
): boolean {
  if (pixels.length !== image.length) return false;
  const byteOf = BYTES[rounding];
  for (let i = 0; i < image.length; i++) {
    const channel = Math.floor(i / plane) % 3;
    const at = (Math.floor(i / plane / 3) * plane + (i % plane)) * 3 + channel;
    if (pixels[at] !== byteOf(image[i] as number)) return false;
  }
  return true;
}

const BYTES: Readonly<Record<PixelRounding, (x: number) => number>> = { nearest, down: cutOff, truncated };

/** A clamped array's conversion rounds halves to even. */
function nearest(x: number): number {
  return Uint8ClampedArray.of(Math.fround(Math.fround(x + 1) * 127.5))[0]!;
}

function cutOff(x: number): number {
  return Math.floor(Math.min(255, Math.max(0, Math.fround(Math.fround(x * 127.5) + 128))));
}

function truncated(x: number): number {
  const shown = Math.min(1, Math.max(0, Math.fround(Math.fround(x / 2) + 0.5)));
  return Math.floor(Math.fround(shown * 255));
}
