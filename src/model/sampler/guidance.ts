import type { SamplingParameters } from "../parameters.js";

/** Guidance in force in one step, rounded operation by operation to float32 as the reference's tensors are. */
export function guidanceInStep(
  scale: number,
  schedule: SamplingParameters["guidance_schedule"],
  tokenCount: number,
  maskedAfter: number,
): number {
  if (schedule !== "linear") return Math.fround(scale);
  const weighted = Math.fround(Math.fround(scale - 1) * (tokenCount - maskedAfter));
  return Math.fround(1 + Math.fround(weighted / tokenCount));
}
