import type { Usage } from "../../queue/queue.js";
import type { CallerLimits } from "./principal.js";

/**
 * A caller's limits and what is left of them, as draft-ietf-httpapi-ratelimit-headers-11 writes it: `q` the quota, `w` its
 * window in seconds, `qu` its unit, `r` what is left, `t` seconds until more is. Concurrent images have no window.
 */
export function rateLimitHeaders(limits: CallerLimits, usage: Usage): Record<string, string> {
  const { imagesPerMinute, concurrentImages } = limits;
  const policies: string[] = [];
  const states: string[] = [];
  if (imagesPerMinute !== undefined) {
    policies.push(`"images-per-minute";q=${imagesPerMinute};w=60;qu="images"`);
    const left = Math.max(0, imagesPerMinute - usage.recentImages);
    states.push(`"images-per-minute";r=${left}${usage.resetS > 0 ? `;t=${usage.resetS}` : ""}`);
  }
  if (concurrentImages !== undefined) {
    policies.push(`"concurrent-images";q=${concurrentImages};qu="images"`);
    states.push(`"concurrent-images";r=${Math.max(0, concurrentImages - usage.unfinishedImages)}`);
  }
  return { "RateLimit-Policy": policies.join(", "), RateLimit: states.join(", ") };
}
