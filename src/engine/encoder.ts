import type { TokenizerArchitecture } from "../model/tokenizer-architecture.js";
import { floats, type Runtime } from "./runtime/runtime.js";

/** What `encode` makes of an image. */
export interface Encoded {
  readonly latents: Float32Array; // [C', h, w]
  /** Only of exposed graphs: mean and log variance of the posterior. */
  readonly moments?: Float32Array; // [2 C', h, w]
}

/** Images to latents: the tokenizer's encoder. A run takes one image, so that its latents never depend on others. */
export class Encoder {
  constructor(
    private readonly runtime: Runtime,
    private readonly model: TokenizerArchitecture,
  ) {}

  /** `pixels` are [H, W, 3]. -> [C', h, w]. Throws a sentence if the latents are not finite numbers. */
  async encodePixels(pixels: Uint8Array): Promise<Float32Array> {
    const plane = pixels.length / 3;
    const image = new Float32Array(pixels.length);
    for (let channel = 0; channel < 3; channel++)
      for (let p = 0; p < plane; p++) image[channel * plane + p] = pixels[3 * p + channel]! / 127.5 - 1;
    const { latents } = await this.encode(image);
    if (!latents.every(Number.isFinite)) throw new Error("The image's latents are not finite numbers.");
    return latents;
  }

  /** One run over an image [3, H, W] in [-1, 1]. */
  async encode(image: Float32Array): Promise<Encoded> {
    const { image_height, image_width } = this.model;
    const out = await this.runtime.run("encode", { image: { data: image, shape: [1, 3, image_height, image_width] } });
    return { latents: floats(out, "latents"), ...(out.moments && { moments: floats(out, "moments") }) };
  }
}
