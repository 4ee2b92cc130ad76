import type { Manifest, Precision } from "../model/manifest.js";
import type { Deviation } from "./imported-family.js";
import type { ClassEntry, ModelSettings } from "./model-settings.js";
import type { ProgressOptions } from "./progress.js";
import type { LatentStatisticsFile } from "./tokenizers/latent-statistics.js";
import type { NetworkWeights, WeightsChoice } from "./weights/choose-weights.js";

export interface ImportOptions extends ProgressOptions {
  readonly name: string;
  /** Checkpoint of the MAR model or DiT and of the tokenizer: .safetensors, or PyTorch's .pth, .ckpt, .pt. */
  readonly generator: string;
  readonly tokenizer: string;
  /** Which weights of each file; see `chooseWeights`. */
  readonly weights?: WeightsChoice | undefined;
  readonly tokenizerWeights?: WeightsChoice | undefined;
  /** Checkpoint of a consistency decoder, which makes finished images in place of the tokenizer's decoder. */
  readonly decoder?: string | undefined;
  readonly decoderWeights?: WeightsChoice | undefined;
  /** Whether each of its steps clamps the image to [-1, 1], as the official code does (absent: it does) and diffusers does not. */
  readonly decoderClamp?: boolean | undefined;
  /** `mar-b`, `detok-mar-b`, `dit-xl-2`, `sit-xl-2`, `llamagen-l` or another published size, or the path of a config.json; inferred for the published widths. */
  readonly arch?: string | undefined;
  /** Statistics of the latents, which DeTok's tokenizer needs. */
  readonly latentStats?: LatentStatisticsFile | undefined;
  readonly precision: Manifest["precision"];
  readonly modelsDir: string;
  /** One for each class of the generator, in order; left out, ImageNet's for the published models. */
  readonly classes?: readonly ClassEntry[] | undefined;
  readonly settings?: ModelSettings | undefined;
  /** Replace a model of the same name. */
  readonly replace?: boolean;
  /** Compare the imported model with a float32 import of the same files, which exists until the import ends. */
  readonly verify?: boolean;
  /** Record the SHA-256 of both checkpoints; each is read once more unless it is copied unchanged. */
  readonly hashSources?: boolean;
  /** Build graphs that also output intermediate tensors, for the parity check. */
  readonly expose?: boolean;
}

export interface ImportedModel {
  readonly manifest: Manifest;
  readonly folder: string;
  readonly weights: Readonly<Record<"generator" | "tokenizer", NetworkWeights>> & { readonly decoder?: NetworkWeights };
  readonly warnings: readonly string[];
  /** With `verify`; empty for a float32 model, whose numbers are the checkpoint's own. */
  readonly deviations?: readonly Deviation[];
}

/** Usual deviation from float32 of a model of this family, by precision (measured: docs/importing.md). */
export const ALLOWED_DEVIATION: Readonly<Record<Precision, number>> = { fp32: 0, int8: 0.05, fp16: 0.005 };
