import { floats, type Runtime } from "../../engine/runtime/runtime.js";
import type { MarArchitecture } from "../../model/manifest.js";
import { COEFFICIENTS } from "../../model/sampler/diffusion-schedule.js";

/**
 * One run of `predict`. Arrays are row-major; `rows` are transformer rows: an image's conditional row and, where guidance
 * is not 1, its unconditional row.
 */
export interface PredictBatch {
  readonly rows: number;
  /** Padded number of known tokens, the same for every row of a run (0 is allowed). */
  readonly known: number;
  readonly tokens: Float32Array; // [rows, known, C], zeros where padded
  readonly positions: BigInt64Array; // [rows, known], token position of each known token; 0 where padded
  readonly knownCounts: BigInt64Array; // [rows]
  readonly classes: BigInt64Array; // [rows], class index, class_count for "no class"
  readonly placement: BigInt64Array; // [rows, L], index into the row's known tokens, or `known` for a masked position
  /** Padded number of positions asked for, the same for every row of a run. */
  readonly targetCount: number;
  readonly targets: BigInt64Array; // [rows, targetCount], positions; any where padded
}

export interface PredictResult {
  readonly z: Float32Array; // [rows, targetCount, D]
  /** Only of exposed graphs. */
  readonly encoder?: Float32Array; // [rows, buffer + known, width]
  readonly decoder?: Float32Array; // [rows, L, D]
}

/** One run of `denoise`: a slice of the diffusion loop over rows that share one schedule. Guided rows come first. */
export interface DenoiseBatch {
  readonly rows: number; // N tokens
  readonly guidedRows: number; // M <= N: rows 0..M-1 have an unconditional half
  readonly steps: number; // S diffusion steps in this slice, from noisy to clean
  readonly x: Float32Array; // [N, C]
  readonly z: Float32Array; // [N, D], conditional
  readonly zUnconditional: Float32Array; // [M, D]
  readonly guidance: Float32Array; // [M]
  readonly temperature: Float32Array; // [N]
  readonly noise: Float32Array; // [S, N, C], raw
  readonly frequencies: Float32Array; // [S, F], cos and sin of the original timesteps
  readonly coefficients: Float32Array; // [S, COEFFICIENTS]
}

export interface DenoiseResult {
  readonly x: Float32Array; // [N, C]
  /** Only of exposed graphs: the network's own output before guidance. */
  readonly network?: Float32Array; // [S, N + M, 2C]
}

/** The two graphs that generate: their inputs and outputs by the names that predict-graph.ts and denoise-graph.ts declare. */
export class MarGraphs {
  constructor(
    private readonly runtime: Runtime,
    private readonly model: MarArchitecture,
  ) {}

  async predict(batch: PredictBatch): Promise<PredictResult> {
    const { rows, known, targetCount } = batch;
    const { token_count: L, token_channels: C } = this.model;
    const out = await this.runtime.run("predict", {
      tokens: { data: batch.tokens, shape: [rows, known, C] },
      positions: { data: batch.positions, shape: [rows, known] },
      known_counts: { data: batch.knownCounts, shape: [rows] },
      classes: { data: batch.classes, shape: [rows] },
      placement: { data: batch.placement, shape: [rows, L] },
      targets: { data: batch.targets, shape: [rows, targetCount] },
    });
    const exposed = out.encoder ? { encoder: floats(out, "encoder"), decoder: floats(out, "decoder") } : {};
    return { z: floats(out, "z"), ...exposed };
  }

  async denoise(batch: DenoiseBatch): Promise<DenoiseResult> {
    const { rows, guidedRows, steps } = batch;
    const { token_channels: C, decoder, head } = this.model;
    const out = await this.runtime.run("denoise", {
      x: { data: batch.x, shape: [rows, C] },
      z: { data: batch.z, shape: [rows, decoder.width] },
      z_unconditional: { data: batch.zUnconditional, shape: [guidedRows, decoder.width] },
      guidance: { data: batch.guidance, shape: [guidedRows] },
      temperature: { data: batch.temperature, shape: [rows] },
      noise: { data: batch.noise, shape: [steps, rows, C] },
      frequencies: { data: batch.frequencies, shape: [steps, head.frequency_channels] },
      coefficients: { data: batch.coefficients, shape: [steps, COEFFICIENTS.length] },
    });
    return { x: floats(out, "x_out"), ...(out.network ? { network: floats(out, "network") } : {}) };
  }
}
