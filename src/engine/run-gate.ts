import { threadId } from "node:worker_threads";
import { monotonicMs } from "../telemetry/monotonic-clock.js";
import type { RunLock } from "./run-lock.js";
import type { Runtime } from "./runtime/runtime.js";

const RUNNING = 0;
const SHUT = 1;
/** Two 32-bit cells for the gate, then 64 bits for the clock. */
const CLOCK_OFFSET_BYTES = 2 * Int32Array.BYTES_PER_ELEMENT;
const SHARED_BYTES = CLOCK_OFFSET_BYTES + BigInt64Array.BYTES_PER_ELEMENT;

/**
 * A gate that every ONNX call of a thread passes. Ending a thread in the middle of such a call aborts the whole process,
 * so the gate is shut before the process ends: that blocks until the present call is over, and no other begins. The gate
 * also counts the time that the calls took.
 */
export class RunGate {
  readonly #cells: Int32Array;
  readonly #microseconds: BigInt64Array;

  /** `shared` is what both threads hold. With a `lock`, calls wait for those of other threads. */
  constructor(
    readonly shared = new SharedArrayBuffer(SHARED_BYTES),
    private readonly lock?: RunLock,
  ) {
    this.#cells = new Int32Array(shared, 0, 2);
    this.#microseconds = new BigInt64Array(shared, CLOCK_OFFSET_BYTES, 1);
  }

  /** Milliseconds that calls have taken so far, from any thread. */
  get insideMs(): number {
    return Number(Atomics.load(this.#microseconds, 0)) / 1000;
  }

  /** In the thread: makes one call. Never settles once the gate is shut. */
  async pass<T>(call: () => Promise<T>): Promise<T> {
    this.lock?.acquire(threadId);
    Atomics.store(this.#cells, RUNNING, 1);
    const startMs = monotonicMs();
    try {
      if (Atomics.load(this.#cells, SHUT)) return await new Promise<never>(() => this.#over());
      return await call();
    } finally {
      Atomics.add(this.#microseconds, 0, BigInt(Math.round(1000 * (monotonicMs() - startMs))));
      this.#over();
      this.lock?.release(threadId);
    }
  }

  /** Outside: blocks for at most `atMostMs` until no call is under way. Returns whether none is. */
  shut(atMostMs: number): boolean {
    Atomics.store(this.#cells, SHUT, 1);
    return Atomics.wait(this.#cells, RUNNING, 1, atMostMs) !== "timed-out";
  }

  #over(): void {
    Atomics.store(this.#cells, RUNNING, 0);
    Atomics.notify(this.#cells, RUNNING);
  }
}

/** A runtime whose every call passes the gate. */
export function gated(runtime: Runtime, gate: RunGate): Runtime {
  return {
    ...runtime,
    run: (...run) => gate.pass(() => runtime.run(...run)),
    close: () => gate.pass(() => runtime.close()),
  };
}
