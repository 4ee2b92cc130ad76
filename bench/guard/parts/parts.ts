interface MeasuredPart {
  /** Of a turn of each side, which is so short that both of a pair meet the same neighbours; all are in progress at once. */
  readonly images: number;
  /** Pairs of turns until both sides are compiled, which do not count, and pairs that do. */
  readonly warmUp: number;
  readonly pairs: number;
}

/** The images of the engine's turn share every step: its batch waits for all of them. */
export const BATCH = 4;

export const PARTS = {
  engine: { images: BATCH, warmUp: 3, pairs: 21 },
  worker: { images: 4, warmUp: 60, pairs: 200 },
  queue: { images: 8, warmUp: 40, pairs: 320 },
  api: { images: 2, warmUp: 120, pairs: 250 },
} as const satisfies Record<string, MeasuredPart>;

export type PartName = keyof typeof PARTS;
export const PART_NAMES = Object.keys(PARTS) as PartName[];
