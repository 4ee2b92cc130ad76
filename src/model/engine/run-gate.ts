import type { Runtime } from "../runtime/runtime.js";

const RUNNING = 0;
const SHUT = 1;

/**
 * A gate that every ONNX call of a thread passes. Ending a thread in the middle of such a call aborts the whole process,
 * so whoever ends the process shuts the gate first: it blocks until the present call is over, and no other begins.
 */
export class RunGate {
  readonly #cells: Int32Array;

  /** `shared` is what both threads hold. */
  constructor(readonly shared = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)) {
    this.#cells = new Int32Array(shared);
  }

  /** In the thread: makes one call. Never settles once the gate is shut. */
  async pass<T>(call: () => Promise<T>): Promise<T> {
    Atomics.store(this.#cells, RUNNING, 1);
    try {
      if (Atomics.load(this.#cells, SHUT)) return await new Promise<never>(() => this.#over());
      return await call();
    } finally {
      this.#over();
    }
  }

  /** Outside: blocks for at most `atMostMs` until no call is under way; tells whether that was reached. */
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
    predict: (batch) => gate.pass(() => runtime.predict(batch)),
    denoise: (batch) => gate.pass(() => runtime.denoise(batch)),
    decode: (latents, images) => gate.pass(() => runtime.decode(latents, images)),
    close: () => gate.pass(() => runtime.close()),
  };
}
