import type { Architecture } from "../model/manifest.js";
import { unpatchify } from "../model/sampler/patches.js";
import type { ImageInFlight } from "./image-in-flight.js";
import type { Runtime } from "./runtime/runtime.js";

/** Memory that one decode run's activations may take. */
const DECODE_BYTES = 256 * 1024 * 1024;
const MOST_IMAGES = 8;

/** Finished tokens to pixels. */
export class Decoder {
  /** Images that one run may decode. */
  readonly imageLimit: number;

  constructor(
    private readonly runtime: Runtime,
    private readonly model: Architecture,
  ) {
    const { image_height: height, image_width: width, levels } = model.tokenizer;
    // Three activations of the last level, whose input is as wide as the level before it.
    const widest = Math.max(...levels.slice(-2).map((level) => level.channels));
    const bytes = 3 * 4 * height * width * widest;
    this.imageLimit = Math.max(1, Math.min(MOST_IMAGES, Math.floor(DECODE_BYTES / bytes)));
  }

  /** One run. Each image's pixels are a buffer of its own, [H, W, 3]. */
  async decode(images: readonly ImageInFlight[]): Promise<Uint8Array[]> {
    const { latent_channels, latent_height, latent_width, image_height, image_width } = this.model.tokenizer;
    const latentSize = latent_channels * latent_height * latent_width;
    const latents = new Float32Array(images.length * latentSize); // [images, C', h, w]
    images.forEach((image, i) => {
      unpatchify(image.tokens, this.model.generator, latents, i * latentSize);
    });
    const { pixels } = await this.runtime.decode(latents, images.length);
    const size = image_height * image_width * 3;
    return images.map((_, i) => pixels.slice(i * size, (i + 1) * size));
  }
}
