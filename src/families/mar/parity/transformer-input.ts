import type { AnyMarArchitecture } from "../../../model/manifest.js";
import type { PredictBatch } from "../predict.js";

/** The transformer's inputs: all images with their class, and with guidance again without a class. */
export interface TransformerInput {
  readonly tokens: Float32Array; // [B, L, C]
  /** 1 where a token is unknown. */
  readonly mask: ArrayLike<number>; // [B, L]
  /** One for each row: B, or 2B with the unconditional half. */
  readonly classes: readonly number[];
  /** Positions to predict, by row. */
  readonly targets: (row: number) => readonly number[];
}

/** Every image has the same number of known tokens in the recordings, so no row is padded. */
export function predictInput(a: AnyMarArchitecture, input: TransformerInput): PredictBatch {
  const { token_count: L, token_channels: C } = a;
  const images = input.mask.length / L;
  const rows = input.classes.length;
  const positions = Array.from({ length: images }, (_, b) => maskedPositions(input.mask, b, L, 0));
  const known = Math.max(...positions.map((list) => list.length));
  const targets = input.classes.map((_, row) => input.targets(row));
  const targetCount = Math.max(...targets.map((list) => list.length));
  const batch = {
    rows,
    known,
    targetCount,
    tokens: new Float32Array(rows * known * C),
    positions: new BigInt64Array(rows * known),
    knownCounts: new BigInt64Array(rows),
    classes: BigInt64Array.from(input.classes, BigInt),
    placement: new BigInt64Array(rows * L).fill(BigInt(known)),
    targets: new BigInt64Array(rows * targetCount),
  };
  for (let row = 0; row < rows; row++) {
    const image = row % images;
    const list = positions[image] as number[];
    batch.knownCounts[row] = BigInt(list.length);
    batch.targets.set(targets[row]!.map(BigInt), row * targetCount);
    for (const [i, position] of list.entries()) {
      const from = (image * L + position) * C;
      batch.tokens.set(input.tokens.subarray(from, from + C), (row * known + i) * C);
      batch.positions[row * known + i] = BigInt(position);
      batch.placement[row * L + position] = BigInt(i);
    }
  }
  return batch;
}

/** Positions of one image whose mask has this value, ascending. */
export function maskedPositions(mask: ArrayLike<number>, image: number, L: number, value: 0 | 1): number[] {
  const found = [];
  for (let position = 0; position < L; position++) if (mask[image * L + position] === value) found.push(position);
  return found;
}
