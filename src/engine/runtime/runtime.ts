import type { Provider } from "./provider.js";

/**
 * The three runs of a model, as the engine sees them. Arrays are row-major; `rows` are transformer rows (an image's
 * conditional row, and its unconditional row where guidance is not 1).
 */
export interface PredictBatch {
  readonly rows: number;
  /** Padded number of known tokens, the same for every row of a call (0 is allowed). */
  readonly known: number;
  readonly tokens: Float32Array; // [rows, known, C], zeros where padded
  readonly positions: BigInt64Array; // [rows, known], token position of each known token; 0 where padded
  readonly knownCounts: BigInt64Array; // [rows]
  readonly classes: BigInt64Array; // [rows], class index, class_count for "no class"
  readonly placement: BigInt64Array; // [rows, L], index into the row's known tokens, or `known` for a masked position
  /** Padded number of positions asked for, the same for every row of a call. */
  readonly targetCount: number;
  readonly targets: BigInt64Array; // [rows, targetCount], positions; any where padded
}

export interface PredictResult {
  readonly z: Float32Array; // [rows, targetCount, D]
  /** Only of exposed graphs. */
  readonly encoder?: Float32Array; // [rows, buffer + known, width]
  readonly decoder?: Float32Array; // [rows, L, D]
}

/** A slice of the diffusion loop over rows that share one diffusion schedule; guided rows come first. */
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

/** Columns of `DenoiseBatch.coefficients`. */
export const COEFFICIENTS = [
  "sqrtRecipAlphaBar",
  "sqrtRecipAlphaBarMinusOne",
  "posteriorMeanX0",
  "posteriorMeanX",
  "minLogVariance",
  "maxLogVariance",
  "noiseFactor", // 0 at t = 0, else 1
] as const;

export interface DenoiseResult {
  readonly x: Float32Array; // [N, C]
  /** Only of exposed graphs: the network's own output before guidance. */
  readonly network?: Float32Array; // [S, N + M, 2C]
}

export interface DecodeResult {
  readonly pixels: Uint8Array; // [images, H, W, 3]
  /** Only of exposed graphs: before clipping. */
  readonly image?: Float32Array; // [images, 3, H, W]
}

/** One model loaded for inference. Every call blocks its thread while it runs. */
export interface Runtime {
  predict(batch: PredictBatch): Promise<PredictResult>;
  denoise(batch: DenoiseBatch): Promise<DenoiseResult>;
  decode(latents: Float32Array, images: number): Promise<DecodeResult>; // latents [images, C', h, w]
  close(): Promise<void>;
}

/** How a runtime is opened; everything else is in the model's folder. */
export interface RuntimeOptions {
  /** Threads inside one ONNX operator; 0 lets ONNX Runtime choose. */
  readonly threads: number;
  /** Where each graph's profile goes, as ONNX Runtime writes it when the runtime is closed: the beginning of its path. */
  readonly profile?: string;
  /** What the graphs run on; the CPU where nothing is said. */
  readonly provider?: Provider;
  /** Which of the machine's GPUs, for the provider `cuda`. */
  readonly cudaDevice?: number;
}
