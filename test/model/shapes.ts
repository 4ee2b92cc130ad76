import type { Architecture, MarArchitecture } from "../../src/model/manifest.js";
import type { KlTokenizer } from "../../src/model/tokenizer-architecture.js";

export interface MarOnKl extends Architecture<MarArchitecture> {
  readonly tokenizer: KlTokenizer;
}

/** The sizes that shape a model; the rest of an architecture follows from them. */
export interface Sizes {
  readonly grid: number;
  readonly latentChannels: number;
  readonly patch: number;
  readonly buffer: number;
  readonly classes: number;
  /** width, depth, heads */
  readonly encoder: readonly [number, number, number];
  readonly decoder: readonly [number, number, number];
  /** width, depth */
  readonly head: readonly [number, number];
  /** Channels of the up levels in the order they run, and which of them have attention. */
  readonly levels: readonly number[];
  readonly attention?: readonly number[];
  readonly blocks: number;
}

export function architectureOf(s: Sizes): MarOnKl {
  const stack = ([width, depth, heads]: readonly [number, number, number]) => ({
    width,
    depth,
    heads,
    mlp_width: 4 * width,
  });
  const latent = s.grid * s.patch;
  const pixels = latent * 2 ** (s.levels.length - 1);
  return {
    generator: {
      attention: "bidirectional",
      order: "random",
      head_kind: "diffusion",
      grid_height: s.grid,
      grid_width: s.grid,
      token_count: s.grid ** 2,
      token_channels: s.latentChannels * s.patch ** 2,
      latent_channels: s.latentChannels,
      patch_size: s.patch,
      buffer_size: s.buffer,
      class_count: s.classes,
      encoder: stack(s.encoder),
      decoder: stack(s.decoder),
      head: { width: s.head[0], depth: s.head[1], frequency_channels: 256 },
      norm_eps: 1e-6,
      train_timesteps: 1000,
    },
    tokenizer: {
      kind: "kl",
      latent_channels: s.latentChannels,
      latent_height: latent,
      latent_width: latent,
      image_height: pixels,
      image_width: pixels,
      scale: 0.2325,
      norm_groups: 32,
      norm_eps: 1e-6,
      levels: s.levels.map((channels, i) => ({
        index: s.levels.length - 1 - i,
        channels,
        blocks: s.blocks,
        attention: s.attention?.includes(i) ?? false,
        upsample: i < s.levels.length - 1,
      })),
    },
  };
}

/** The recordings' small model. */
export const TINY_SIZES: Sizes = {
  grid: 8,
  latentChannels: 16,
  patch: 1,
  buffer: 8,
  classes: 10,
  encoder: [64, 2, 4],
  decoder: [64, 2, 4],
  head: [96, 3],
  levels: [64, 32, 32, 32, 32],
  blocks: 2,
};

/** Nothing here is a multiple of anything: what vectors leave over shows. */
export const ODD_SIZES: Sizes = {
  grid: 5,
  latentChannels: 3,
  patch: 2,
  buffer: 3,
  classes: 7,
  encoder: [60, 2, 3],
  decoder: [84, 3, 4],
  head: [70, 2],
  levels: [64, 64, 32],
  attention: [1],
  blocks: 2,
};

/** About the size of the model that comes with the service. */
export const DEMO_SIZES: Sizes = {
  grid: 8,
  latentChannels: 8,
  patch: 1,
  buffer: 8,
  classes: 12,
  encoder: [192, 4, 6],
  decoder: [192, 4, 6],
  head: [256, 3],
  levels: [128, 64, 64, 32],
  blocks: 2,
};
