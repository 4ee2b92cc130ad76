import { floats, type Runtime } from "../../engine/runtime/runtime.js";
import type { AnyMarArchitecture } from "../../model/manifest.js";
import { OUTPUT } from "../heads/head-image.js";

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
  /** Or logits. */
  readonly z: Float32Array; // [rows, targetCount, D]
  /** Only of exposed graphs. */
  readonly encoder?: Float32Array; // [rows, buffer + known, width]
  readonly decoder?: Float32Array; // [rows, L, D]
}

/** The graph's inputs and outputs by the names that predict-graph.ts declares. */
export async function predict(
  runtime: Runtime,
  { token_count: L, token_channels: C, head_kind }: AnyMarArchitecture,
  batch: PredictBatch,
): Promise<PredictResult> {
  const { rows, known, targetCount } = batch;
  const out = await runtime.run("predict", {
    tokens: { data: batch.tokens, shape: [rows, known, C] },
    positions: { data: batch.positions, shape: [rows, known] },
    known_counts: { data: batch.knownCounts, shape: [rows] },
    classes: { data: batch.classes, shape: [rows] },
    placement: { data: batch.placement, shape: [rows, L] },
    targets: { data: batch.targets, shape: [rows, targetCount] },
  });
  const exposed = out.encoder ? { encoder: floats(out, "encoder"), decoder: floats(out, "decoder") } : {};
  return { z: floats(out, OUTPUT[head_kind]), ...exposed };
}
