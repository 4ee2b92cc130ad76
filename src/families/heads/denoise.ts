import { floats, type Runtime } from "../../engine/runtime/runtime.js";
import type { WithDiffusionHead } from "../../model/manifest.js";
import { COEFFICIENTS } from "../../model/sampler/diffusion-schedule.js";

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

/** The inputs and outputs by the names that denoise-graph.ts declares. */
export async function denoise(runtime: Runtime, model: WithDiffusionHead, batch: DenoiseBatch): Promise<DenoiseResult> {
  const { rows, guidedRows, steps } = batch;
  const { token_channels: C, decoder, head } = model;
  const out = await runtime.run("denoise", {
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
