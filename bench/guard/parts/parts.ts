import type { Load } from "../../measuring-process.js";

interface MeasuredPart {
  /** A turn of each side, so short that both of a pair meet the same neighbours. */
  readonly work: Load;
  readonly yardstick: Load;
  /** Pairs of turns until both sides are compiled, which do not count, and pairs that do. */
  readonly warmUp: number;
  readonly pairs: number;
  /** Whether the yardstick is the part itself as it was frozen; else it is a fixed graph. */
  readonly isFrozen: boolean;
}

const alike = (total: number) => ({ total, concurrency: total });

/** A turn's images of the engine, which share every step: its batch waits for all of them. */
export const BATCH = 4;

export const PARTS = {
  engine: { work: alike(BATCH), yardstick: { total: 4, concurrency: 1 }, warmUp: 3, pairs: 15, isFrozen: false },
  worker: { work: alike(4), yardstick: alike(4), warmUp: 60, pairs: 200, isFrozen: true },
  queue: { work: alike(8), yardstick: alike(8), warmUp: 40, pairs: 220, isFrozen: true },
  api: { work: alike(2), yardstick: alike(2), warmUp: 120, pairs: 250, isFrozen: true },
} as const satisfies Record<string, MeasuredPart>;

export type PartName = keyof typeof PARTS;
export const PART_NAMES = Object.keys(PARTS) as PartName[];
