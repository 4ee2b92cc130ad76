import type { ImageRequest } from "../model/parameters.js";
import { ImageNoise } from "../model/sampler/noise.js";
import { DECODER_STEP } from "../model/sampler/philox.js";
import type { TokenizerArchitecture } from "../model/tokenizer-architecture.js";
import { STEP_COEFFICIENTS } from "../tokenizers/consistency/consistency.js";
import { consistencySteps } from "../tokenizers/consistency/schedule.js";
import type { DecodingBatch, FinalDecoder, LatentsOf } from "./decoder.js";
import { floats, type Runtime, type Tensors } from "./runtime/runtime.js";

const STEPS = consistencySteps();

/** Latents to the pixels of finished images, in two steps from fresh noise. A run takes one image: together they would save nothing. */
export class ConsistencyDecoder implements FinalDecoder {
  readonly imageLimit = 1;

  constructor(
    private readonly runtime: Runtime,
    private readonly model: TokenizerArchitecture,
  ) {}

  /** Takes the steps from latents [C', h, w], with the noise [3, H, W] of each. Gives every step's outputs, `x0` and `pixels`. */
  async *steps(latents: Float32Array, noise: (k: number) => Float32Array): AsyncGenerator<Tensors> {
    const { latent_channels, latent_height, latent_width, image_height, image_width } = this.model;
    const shape = [1, 3, image_height, image_width];
    let x0: Float32Array | undefined;
    for (const [k, step] of STEPS.entries()) {
      const x = noise(k).map((value, i) => step.noise * value + (x0 ? step.signal * x0[i]! : 0));
      const outputs = await this.runtime.run("consistency", {
        latents: { data: latents, shape: [1, latent_channels, latent_height, latent_width] },
        x: { data: x, shape },
        timestep: { data: BigInt64Array.of(BigInt(step.timestep)), shape: [1] },
        coefficients: { data: Float32Array.from(STEP_COEFFICIENTS, (name) => step[name]), shape: [3] },
      });
      x0 = floats(outputs, "x0");
      yield outputs;
    }
  }

  async decodeImages<Image>(
    images: readonly Image[],
    sampler: LatentsOf<Image>,
    batch: DecodingBatch<Image>,
  ): Promise<Uint8Array[]> {
    const decoded = [];
    for (const image of images) decoded.push(await this.#decodeImage(image, sampler, batch));
    return decoded;
  }

  async #decodeImage<Image>(image: Image, sampler: LatentsOf<Image>, batch: DecodingBatch<Image>): Promise<Uint8Array> {
    const { latent_channels, latent_height, latent_width } = this.model;
    const latents = new Float32Array(latent_channels * latent_height * latent_width);
    sampler.writeLatents(image, latents, 0);
    let pixels = new Uint8Array();
    const request = batch.requestOf(image);
    if (!request) return pixels;
    for await (const outputs of this.steps(latents, (k) => this.#noise(request, k))) {
      pixels = (outputs.pixels!.data as Uint8Array).slice();
      await batch.pause();
      if (!batch.requestOf(image)) break;
    }
    return pixels;
  }

  /** The noise of step k is the image's own. -> [3, H, W] */
  #noise({ seed, imageIndex }: ImageRequest, k: number): Float32Array {
    const source = new ImageNoise(seed, imageIndex);
    const plane = this.model.image_height * this.model.image_width;
    const noise = new Float32Array(3 * plane);
    const rgb = new Float32Array(3);
    for (let pixel = 0; pixel < plane; pixel++) {
      source.fill(rgb, 0, 3, DECODER_STEP, pixel, k);
      for (let channel = 0; channel < 3; channel++) noise[channel * plane + pixel] = rgb[channel]!;
    }
    return noise;
  }
}
