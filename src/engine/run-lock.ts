const FREE = 0;

/**
 * Lets one thread of the process at a time make its calls: ONNX Runtime's WebGPU provider crashes where two sessions run at
 * once (github.com/microsoft/onnxruntime/issues/32561).
 */
export class RunLock {
  readonly #holder: Int32Array;

  /** `shared` is what all threads hold. */
  constructor(readonly shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.#holder = new Int32Array(shared);
  }

  /** Blocks the thread until no other holds the lock. `thread` is the thread's id in Node.js, which is not 0 in a `Worker`. */
  acquire(thread: number): void {
    for (;;) {
      const holder = Atomics.compareExchange(this.#holder, 0, FREE, thread);
      if (holder === FREE) return;
      Atomics.wait(this.#holder, 0, holder);
    }
  }

  /** Does nothing unless that thread holds the lock: it may have died at any time. */
  release(thread: number): void {
    if (Atomics.compareExchange(this.#holder, 0, thread, FREE) === thread) Atomics.notify(this.#holder, 0);
  }
}
