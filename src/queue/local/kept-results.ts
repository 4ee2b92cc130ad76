import { monotonicMs } from "../../telemetry/monotonic-clock.js";
import { RECORD_BYTES } from "../queue.js";
import { MAX_TIMER_MS } from "../wait-until.js";

interface Kept {
  readonly bytes: number;
  /** Monotonic. */
  readonly expiresMs: number;
}

/**
 * Which finished jobs are still kept: each for its time to live, all together within a bound of bytes (the oldest go
 * first; the newest always stays, however large). Calls `forget` with the id of each that goes.
 */
export class KeptResults {
  /** In the order they finished, which is also the order they expire in. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly ttlMs: number,
    private readonly maxBytes: number,
    private readonly forget: (id: string) => void,
  ) {}

  /** Keeps a job that finished now; returns when it will be gone, in epoch milliseconds. */
  keep(id: string, imageBytes: number): number {
    const kept = { bytes: imageBytes + RECORD_BYTES, expiresMs: monotonicMs() + this.ttlMs };
    this.#kept.set(id, kept);
    this.#bytes += kept.bytes;
    while (this.#bytes > this.maxBytes && this.#kept.size > 1) this.drop(this.#kept.keys().next().value!);
    this.#schedule();
    return Date.now() + this.ttlMs;
  }

  /** Drops what is past its time, for callers that must not see a job that the timer is about to drop. */
  expire(): void {
    const nowMs = monotonicMs();
    for (const [id, { expiresMs }] of this.#kept) {
      if (expiresMs > nowMs) break;
      this.drop(id);
    }
    this.#schedule();
  }

  /** Of all that is kept. */
  get bytes(): number {
    return this.#bytes;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Drops a job before its time; nothing where it is not kept. */
  drop(id: string): void {
    const kept = this.#kept.get(id);
    if (!kept) return;
    this.#bytes -= kept.bytes;
    this.#kept.delete(id);
    this.forget(id);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const next = this.#kept.values().next().value;
    if (!next) return;
    this.#timer = setTimeout(() => this.expire(), Math.min(Math.max(0, next.expiresMs - monotonicMs()), MAX_TIMER_MS));
    this.#timer.unref();
  }
}
