import { createHash } from "node:crypto";
import { type JobRecord, type StoredImage, TIMING_SPANS, type Timing } from "../../job.js";
import type { CallerLimits, Usage } from "../../queue/queue.js";

/** `Server-Timing` with milliseconds by span, which browsers' developer tools show, and headers for the other figures. */
export function timingHeaders(timing: Timing): Record<string, string> {
  const spans = [...TIMING_SPANS, "total"] as const;
  return {
    "Server-Timing": spans.map((span) => `${span};dur=${timing[`${span}_ms`].toFixed(2)}`).join(", "),
    "Marimba-Batch-Size": timing.batch_size.toFixed(2),
    "Marimba-Ms-Per-Image": timing.ms_per_image.toFixed(2),
  };
}

/** Headers of an image's bytes. */
export function imageHeaders(image: StoredImage, { spec }: JobRecord): Record<string, string> {
  return {
    "Content-Type": image.contentType,
    "Content-Length": String(image.bytes.byteLength),
    ETag: `"${createHash("sha256").update(image.bytes).digest("base64url")}"`,
    "Marimba-Job": spec.id,
    "Marimba-Seed": String(spec.seed),
  };
}

/**
 * A caller's limits and what is left of them, after draft-ietf-httpapi-ratelimit-headers-11: `r` is what is left, `t` the
 * seconds until there is more. Seconds are rounded up, so `t` may exceed the window by one.
 */
export function rateLimitHeaders(limits: CallerLimits, usage: Usage): Record<string, string> {
  const { imagesPerMinute, concurrentImages } = limits;
  const states: string[] = [];
  if (imagesPerMinute !== undefined) {
    const left = Math.max(0, imagesPerMinute - usage.recentImages);
    states.push(`"images-per-minute";r=${left}${usage.resetS > 0 ? `;t=${usage.resetS}` : ""}`);
  }
  if (concurrentImages !== undefined) {
    states.push(`"concurrent-images";r=${Math.max(0, concurrentImages - usage.unfinishedImages)}`);
  }
  return { ...rateLimitPolicy(limits), RateLimit: states.join(", ") };
}

/** The limits alone: `q` is the quota, `w` its window in seconds, `qu` its unit. Concurrent images have no window. */
export function rateLimitPolicy({ imagesPerMinute, concurrentImages }: CallerLimits): Record<string, string> {
  const policies: string[] = [];
  if (imagesPerMinute !== undefined) policies.push(`"images-per-minute";q=${imagesPerMinute};w=60;qu="images"`);
  if (concurrentImages !== undefined) policies.push(`"concurrent-images";q=${concurrentImages};qu="images"`);
  return { "RateLimit-Policy": policies.join(", ") };
}
