import type { ImageRequest } from "../model/parameters.js";
import type { TokenizerArchitecture } from "../model/tokenizer-architecture.js";
import { tokenizerOf } from "../tokenizers/tokenizers.js";
import { floats, type Runtime } from "./runtime/runtime.js";

/** Memory that one decode run's activations may take. */
const DECODE_BYTES = 256 * 1024 * 1024;
const MOST_IMAGES = 8;

/** What `decode` makes of latents. */
export interface Decoded {
  readonly pixels: Uint8Array; // [images, H, W, 3]
  /** Only of exposed graphs: before clipping. */
  readonly image?: Float32Array; // [images, 3, H, W]
}

/** Writes an image's latents, [C', h, w]. */
export interface LatentsOf<Image> {
  writeLatents(image: Image, latents: Float32Array, offset: number): void;
}

/** The batch, as a decoder of finished images sees it. */
export interface DecodingBatch<Image> {
  /** Undefined where the image has left the batch. */
  requestOf(image: Image): ImageRequest | undefined;
  /** Between two runs. Images may leave meanwhile. */
  pause(): Promise<void>;
}

/** What makes the pixels of finished images. */
export interface FinalDecoder {
  /** Images that one call may decode. */
  readonly imageLimit: number;
  /** Each image's pixels are a buffer of its own, [H, W, 3]; any where the image left meanwhile. */
  decodeImages<Image>(
    images: readonly Image[],
    sampler: LatentsOf<Image>,
    batch: DecodingBatch<Image>,
  ): Promise<Uint8Array[]>;
}

/** Latents to pixels: the tokenizer's decoder, whatever family made the latents. */
export class Decoder implements FinalDecoder {
  /** Images that one run may decode. */
  readonly imageLimit: number;
  /** Numbers in one image's latents, [C', h, w]. */
  readonly latentSize: number;

  constructor(
    private readonly runtime: Runtime,
    private readonly model: TokenizerArchitecture,
    /** Of the generator's latents: codes have one. */
    private readonly channels = model.latent_channels,
  ) {
    const { latent_height, latent_width } = model;
    const memory = (runtime.runMemory ?? 1) * DECODE_BYTES;
    this.imageLimit = Math.max(1, Math.min(MOST_IMAGES, Math.floor(memory / tokenizerOf(model).decodeBytes(model))));
    this.latentSize = channels * latent_height * latent_width;
  }

  /** One run over latents [images, C', h, w]. */
  async decode(latents: Float32Array): Promise<Decoded> {
    const { latent_height, latent_width } = this.model;
    const shape = [latents.length / this.latentSize, this.channels, latent_height, latent_width];
    const out = await this.runtime.run("decode", { latents: { data: latents, shape } });
    const pixels = out.pixels?.data as Uint8Array;
    return { pixels, ...(out.image ? { image: floats(out, "image") } : {}) };
  }

  /** One run over images as they stand. Each image's pixels are a buffer of its own, [H, W, 3]. */
  async decodeImages<Image>(images: readonly Image[], sampler: LatentsOf<Image>): Promise<Uint8Array[]> {
    const latents = new Float32Array(images.length * this.latentSize);
    images.forEach((image, i) => {
      sampler.writeLatents(image, latents, i * this.latentSize);
    });
    const { pixels } = await this.decode(latents);
    const size = pixels.length / images.length;
    return images.map((_, i) => pixels.slice(i * size, (i + 1) * size));
  }
}
