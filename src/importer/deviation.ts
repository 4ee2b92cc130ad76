import type { Precision } from "../model/manifest.js";

/** How far a precision may be from float32: what a model of the family should keep (measured: docs/importing.md). */
export const ALLOWED_DEVIATION: Readonly<Record<Precision, number>> = { fp32: 0, int8: 0.05, fp16: 0.005 };

/** Root mean square of the difference from what float32 makes of the same inputs, relative to that of float32's. */
export interface Deviation {
  readonly of: "z" | "sampled tokens" | "pixels";
  readonly relativeRms: number;
}
