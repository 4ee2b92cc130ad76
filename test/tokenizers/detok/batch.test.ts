import { describe, expect, it } from "vitest";
import { Decoder } from "../../../src/engine/decoder.js";
import type { Precision } from "../../../src/model/manifest.js";
import { editOf, expectAsAlone, imageRequest, useModel, WatchedBatch } from "../../engine/tiny-engine.js";
import { normals } from "../../model/random.js";
import { importDetok } from "./tiny-detok.js";

const SIDE = 24;
const PATCH = 4;

const PARAMETERS = { steps: 4, diffusion_steps: 4, class: 2 } as const;
const left = new Uint8Array(SIDE * SIDE).map((_, pixel) => Number(pixel % SIDE < 3 * PATCH));
/** Images of different length, class and guidance, and an edit. */
const SUBJECTS = [
  imageRequest(PARAMETERS),
  imageRequest({ ...PARAMETERS, steps: 7, guidance_scale: 1 }, 2),
  imageRequest({ ...PARAMETERS, class: null, steps: 3 }, 3),
  { ...imageRequest({ ...PARAMETERS, guidance_scale: 3.9 }, 4), edit: editOf(left) },
];

describe.each([
  ["fp32", 1],
  ["int8", 2],
] as const)("MAR on DeTok in %s, %i threads", (precision: Precision, threads: number) => {
  const model = useModel(() => importDetok({ precision }), threads);

  it("gives each image and each edit the bytes that it has alone, whatever is in flight", async () => {
    const mixed = new WatchedBatch(model.runtime, model.manifest);
    for (let id = 100; id < 104; id++) mixed.submit(id, imageRequest({ ...PARAMETERS, class: id % 7 }, id));
    await expectAsAlone(mixed, model.single, SUBJECTS);
  });

  it("decodes an image to the same bytes alone and among eight", async () => {
    const { tokenizer } = model.manifest.architecture;
    const decoder = new Decoder(model.runtime, tokenizer);
    const latents = normals(8 * decoder.latentSize, 1);
    const { pixels } = await decoder.decode(latents);
    for (let i = 0; i < 8; i++) {
      const own = latents.slice(i * decoder.latentSize, (i + 1) * decoder.latentSize);
      const alone = (await new Decoder(model.single, tokenizer).decode(own)).pixels;
      expect(Buffer.compare(alone, pixels.subarray(i * alone.length, (i + 1) * alone.length))).toBe(0);
    }
  });
});
