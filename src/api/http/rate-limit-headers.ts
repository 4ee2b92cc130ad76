import type { CallerLimits, Usage } from "../../queue/queue.js";

/**
 * A caller's limits and what is left of them, as draft-ietf-httpapi-ratelimit-headers-11 writes it: `r` what is left, `t`
 * seconds until more is. Seconds are counted whole, so `t` may be one more than the window.
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

/** The limits alone: `q` the quota, `w` its window in seconds, `qu` its unit. Concurrent images have no window. */
export function rateLimitPolicy({ imagesPerMinute, concurrentImages }: CallerLimits): Record<string, string> {
  const policies: string[] = [];
  if (imagesPerMinute !== undefined) policies.push(`"images-per-minute";q=${imagesPerMinute};w=60;qu="images"`);
  if (concurrentImages !== undefined) policies.push(`"concurrent-images";q=${concurrentImages};qu="images"`);
  return { "RateLimit-Policy": policies.join(", ") };
}
