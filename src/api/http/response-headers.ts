import type { Timing } from "../../job.js";

const SPANS = ["queue", "batch_wait", "transformer", "diffusion", "decode", "encode", "total"] as const;

/**
 * A timing as headers: `Server-Timing` with milliseconds by span, as browsers' developer tools show them, and what is no
 * span in headers of its own.
 */
export function timingHeaders(timing: Timing): Record<string, string> {
  return {
    "Server-Timing": SPANS.map((span) => `${span};dur=${timing[`${span}_ms`].toFixed(2)}`).join(", "),
    "Marimba-Batch-Size": timing.batch_size.toFixed(2),
    "Marimba-Ms-Per-Image": timing.ms_per_image.toFixed(2),
  };
}
