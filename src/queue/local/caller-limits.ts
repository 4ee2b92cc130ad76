import type { Allowance, SubmitResult, Usage } from "../queue.js";
import type { FinishRate } from "./finish-rate.js";

/** A second counts until all of it lies more than the window back, as in Redis (lua/allowance.lua). */
const WINDOW_S = 60;
const leavesAt = (second: number) => second + WINDOW_S + 1;

/** What callers have asked for: images of the last minute by second, and images that are not done. */
export class Allowances {
  readonly #recent = new Map<string, Map<number, number>>();
  readonly #unfinished = new Map<string, number>();

  /** The refusal of a job of so many images; undefined where the caller's allowance holds them. */
  refusal(
    caller: string,
    images: number,
    { imagesPerMinute = Infinity, concurrentImages = Infinity }: Allowance,
    rate: FinishRate,
    nowS = Date.now() / 1000,
  ): SubmitResult | undefined {
    const refuse = (limit: keyof Allowance, retryAfterS: number) =>
      ({ kind: "over_allowance", limit, retryAfterS, usage: this.usage(caller, nowS) }) as const;
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

  accepted(caller: string, images: number, { imagesPerMinute }: Allowance, nowS = Date.now() / 1000): void {
    this.#unfinished.set(caller, (this.#unfinished.get(caller) ?? 0) + images);
    if (imagesPerMinute === undefined) return;
    const recent = this.#recentOf(caller, nowS);
    const second = Math.floor(nowS);
    recent.set(second, (recent.get(second) ?? 0) + images);
    this.#recent.set(caller, recent);
  }

  /** So many of the caller's images are made, or never will be. */
  done(caller: string, images: number): void {
    const left = (this.#unfinished.get(caller) ?? 0) - images;
    if (left > 0) this.#unfinished.set(caller, left);
    else this.#unfinished.delete(caller);
  }

  usage(caller: string, nowS = Date.now() / 1000): Usage {
    const recent = this.#recentOf(caller, nowS);
    const [oldest] = recent.keys();
    return {
      recentImages: sum(recent),
      resetS: oldest === undefined ? 0 : Math.ceil(leavesAt(oldest) - nowS),
      unfinishedImages: this.#unfinished.get(caller) ?? 0,
    };
  }

  /** By second, the oldest first; what no longer counts is dropped. */
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
