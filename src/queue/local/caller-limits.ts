import { monotonicMs } from "../../telemetry/monotonic-clock.js";
import {
  type CallerLimits,
  LIMIT_WINDOW_S,
  MAX_RETRY_S,
  MIN_RETRY_S,
  RATE_WINDOW_MS,
  type SubmitResult,
  UNMEASURED_RETRY_S,
  type Usage,
} from "../queue.js";

/** What finishes within this time counts as one entry. */
const ENTRY_MS = 500;

/** How fast images get done, measured over the last minute, which says when a refused client should come back. */
export class FinishRate {
  #finished: { at: number; images: number }[] = [];

  record(images: number, now = monotonicMs()): void {
    const newest = this.#finished.at(-1);
    if (newest && now - newest.at < ENTRY_MS) newest.images += images;
    else this.#finished.push({ at: now, images });
    this.#forget(now);
  }

  /** Whole seconds until `images` more will be done at the measured rate. */
  secondsFor(images: number, now = monotonicMs()): number {
    this.#forget(now);
    const oldest = this.#finished[0];
    if (!oldest || now <= oldest.at) return UNMEASURED_RETRY_S;
    const done = this.#finished.reduce((sum, entry) => sum + entry.images, 0);
    const seconds = Math.ceil((images * (now - oldest.at)) / done / 1000);
    return Math.min(MAX_RETRY_S, Math.max(MIN_RETRY_S, seconds));
  }

  #forget(now: number): void {
    const firstKept = this.#finished.findIndex(({ at }) => at >= now - RATE_WINDOW_MS);
    if (firstKept !== 0) this.#finished = firstKept < 0 ? [] : this.#finished.slice(firstKept);
  }
}

/** A second counts until all of it lies more than the window back, as in redis/lua/caller-limits.lua. */
const leavesAt = (second: number) => second + LIMIT_WINDOW_S + 1;

/** What each caller has requested: images of the last minute, by second, and images that are not done. */
export class LimitedCallers {
  readonly #recent = new Map<string, Map<number, number>>();
  readonly #unfinished = new Map<string, number>();

  /** The refusal of a job of so many images; undefined where the caller's limits allow it. */
  refusal(
    caller: string,
    images: number,
    { imagesPerMinute = Infinity, concurrentImages = Infinity }: CallerLimits,
    rate: FinishRate,
    nowS = monotonicMs() / 1000,
  ): SubmitResult | undefined {
    const refuse = (limit: keyof CallerLimits, retryAfterS: number) =>
      ({ kind: "over_limit", limit, retryAfterS, usage: this.usage(caller, nowS) }) as const;
    const recent = this.#recentOf(caller, nowS);
    let surplus = sum(recent) + images - imagesPerMinute;
    for (const [second, count] of recent) {
      if (surplus <= 0) break;
      surplus -= count;
      if (surplus <= 0) return refuse("imagesPerMinute", Math.ceil(leavesAt(second) - nowS));
    }
    const unfinished = (this.#unfinished.get(caller) ?? 0) + images - concurrentImages;
    return unfinished > 0 ? refuse("concurrentImages", rate.secondsFor(unfinished)) : undefined;
  }

  accepted(caller: string, images: number, { imagesPerMinute }: CallerLimits, nowS = monotonicMs() / 1000): void {
    this.#unfinished.set(caller, (this.#unfinished.get(caller) ?? 0) + images);
    if (imagesPerMinute === undefined) return;
    const recent = this.#recentOf(caller, nowS);
    const second = Math.floor(nowS);
    recent.set(second, (recent.get(second) ?? 0) + images);
    this.#recent.set(caller, recent);
  }

  /** So many of the caller's images are stored, or never will be. */
  done(caller: string, images: number): void {
    const left = (this.#unfinished.get(caller) ?? 0) - images;
    if (left > 0) this.#unfinished.set(caller, left);
    else this.#unfinished.delete(caller);
  }

  usage(caller: string, nowS = monotonicMs() / 1000): Usage {
    const recent = this.#recentOf(caller, nowS);
    const [oldest] = recent.keys();
    return {
      recentImages: sum(recent),
      resetS: oldest === undefined ? 0 : Math.ceil(leavesAt(oldest) - nowS),
      unfinishedImages: this.#unfinished.get(caller) ?? 0,
    };
  }

  /** By second, the oldest first; drops what no longer counts. */
  #recentOf(caller: string, nowS: number): Map<number, number> {
    const recent = this.#recent.get(caller) ?? new Map<number, number>();
    for (const second of recent.keys()) if (leavesAt(second) <= nowS) recent.delete(second);
    if (recent.size === 0) this.#recent.delete(caller);
    return recent;
  }
}

function sum(recent: ReadonlyMap<number, number>): number {
  let images = 0;
  for (const count of recent.values()) images += count;
  return images;
}
