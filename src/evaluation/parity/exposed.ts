import type { Tensors } from "../../engine/runtime/runtime.js";
import { pixelRoundingOf } from "../../families/families.js";
import type { ExposedModel } from "./family-parity.js";
import { PIXEL_RULES, pixelsFollow } from "./pixels.js";
import type { Recording } from "./recording.js";
import { ALLOWED, type Numbers, type Report } from "./report.js";

/**
 * Compares a tokenizer's halves, `encode` on its recorded image and `decode` on its recorded latents: everything that a graph exposes
 * has the name under which it is recorded.
 */
export async function compareExposed(model: ExposedModel, recording: Recording, report: Report): Promise<void> {
  const { runtime, tokenizer } = model;
  const encoded = await runtime.run("encode", { image: await recording.floats("encode.image") });
  await compareAll("encode", encoded);
  const { pixels, ...decoded } = await runtime.run("decode", { latents: await recording.floats("decode.latents") });
  await compareAll("decode", decoded);

  const rounding = pixelRoundingOf(model);
  const { image_height, image_width } = tokenizer;
  const recorded = await recording.floats("decode.image");
  const bytes = (await recording.tensor("decode.pixels")).data;
  const follow = (image: Numbers, shown: ArrayLike<number>) =>
    pixelsFollow(image.data, shown, image_height * image_width, rounding);
  const holds = follow(recorded, bytes) && follow(decoded.image as Numbers, pixels!.data as Uint8Array);
  report.holds(
    recording.name,
    "pixels",
    "decode.pixels",
    holds,
    `a pixel is not ${PIXEL_RULES[rounding]} of the image`,
  );

  async function compareAll(graph: "encode" | "decode", outputs: Tensors): Promise<void> {
    for (const [output, tensor] of Object.entries(outputs)) {
      const name = `${graph}.${output}`;
      const allowed = output === "image" ? ALLOWED.image : ALLOWED.network;
      const stage = `${graph}: ${output.replace(/\.\d+$/, "")}`;
      report.numbers(recording.name, stage, name, allowed, tensor as Numbers, await recording.floats(name));
    }
  }
}
