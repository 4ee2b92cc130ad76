import type { Timing } from "../job.js";

const SPANS = ["queue", "batch_wait", "transformer", "diffusion", "decode", "encode", "total"] as const;

/** The `Server-Timing` header: milliseconds by span, as browsers' developer tools show them. */
export function serverTiming(timing: Timing): string {
  return SPANS.map((span) => `${span};dur=${timing[`${span}_ms`].toFixed(2)}`).join(", ");
}
