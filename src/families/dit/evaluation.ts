import type { DiffusionTransformer } from "../../model/manifest.js";

/** One evaluation of a diffusion transformer, and what its output makes of the image: a diffusion step, or a part of one. */
export interface Evaluation {
  /** What the network is told. */
  readonly timestep: number;
  /** Whether `move` uses noise. */
  readonly takesNoise: boolean;
  move(input: MoveInput): Moved;
}

/** What an evaluation starts from. L tokens of C numbers. */
export interface MoveInput extends Pick<Moved, "x" | "start"> {
  /** The network's, of the row with the class; a DiT's is eps, then the variance's interpolation. */
  readonly output: Float32Array; // [L, 2C], or [L, C] of some SiTs
  /** The first C of each token's outputs, or what guidance made of them. */
  readonly guided: Float32Array; // [L, C]
  /** Standard normals. */
  readonly noise: Float32Array; // [L, C]
}

export interface Moved {
  readonly x: Float32Array; // [L, C]
  /** The image that the network expects at the end. */
  readonly x0: Float32Array; // [L, C]
  /** In the middle of a step: where it started. */
  readonly start?: StepStart | undefined;
}

export interface StepStart {
  readonly x: Float32Array; // [L, C]
  readonly velocity: Float32Array; // [L, C]
}

/** Guidance combines these latent channels of the output only, as the published results have it (`forward_with_cfg`). */
const GUIDED_CHANNELS = 3;

/**
 * The first C numbers of a row's output, as far as guidance leads away from the row without a class: u + g (c - u).
 * `outputs` are the network's, [L, C] or [L, 2C], with a class and, where there is guidance, without. -> [L, C]
 */
export function guide(
  [conditional, unconditional]: readonly Float32Array[],
  guidance: number,
  model: Pick<DiffusionTransformer, "token_count" | "token_channels" | "patch_size">,
): Float32Array {
  const { token_count: L, token_channels: C, patch_size } = model;
  const guided = new Float32Array(L * C);
  const channels = unconditional ? GUIDED_CHANNELS * patch_size ** 2 : 0; // a token's numbers are (c, p, q)
  const width = conditional!.length / L;
  for (let i = 0; i < guided.length; i++) {
    const at = Math.floor(i / C) * width + (i % C);
    const own = conditional![at]!;
    guided[i] = i % C < channels ? unconditional![at]! + guidance * (own - unconditional![at]!) : own;
  }
  return guided;
}
