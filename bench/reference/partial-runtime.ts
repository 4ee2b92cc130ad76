import type { Runtime } from "../../src/engine/runtime/runtime.js";

/** Milliseconds of one autoregressive step, including the JavaScript around its ONNX runs. */
export interface StepTime {
  readonly step: number;
  readonly transformer: number;
  readonly head: number;
  /** Work that is neither, where a side has any. */
  readonly other: number;
}

/**
 * A runtime that computes only every k-th autoregressive step and returns zeros and noise at once in the others; it
 * divides a step's time into transformer, head and decoding. All images must be at the same step.
 */
export class PartialRuntime {
  readonly steps: StepTime[] = [];
  decodeMs = 0;
  /** All runs together. */
  onnxMs = 0;
  #step = -1;
  #beginMs = 0;
  #headAtMs = 0;
  #decodeAtMs = 0;

  constructor(
    private readonly inner: Runtime,
    private readonly every: number,
    private readonly width: number,
  ) {}

  beginStep(): void {
    this.#step++;
    this.#headAtMs = 0;
    this.#decodeAtMs = 0;
    this.#beginMs = performance.now();
  }

  endStep(): void {
    const endMs = performance.now();
    if (this.#decodeAtMs > 0) this.decodeMs += endMs - this.#decodeAtMs;
    if (!this.#isComputed()) return;
    const headEndMs = this.#decodeAtMs || endMs;
    const transformer = this.#headAtMs - this.#beginMs;
    this.steps.push({ step: this.#step, transformer, head: headEndMs - this.#headAtMs, other: 0 });
  }

  readonly runtime: Runtime = {
    predict: (batch) =>
      this.#isComputed()
        ? this.#timed(() => this.inner.predict(batch))
        : Promise.resolve({ z: new Float32Array(batch.targets.length * this.width) }),
    denoise: (batch) => {
      this.#headAtMs ||= performance.now();
      return this.#isComputed()
        ? this.#timed(() => this.inner.denoise(batch))
        : Promise.resolve({ x: batch.x.slice() });
    },
    decode: (latents, images) => {
      this.#decodeAtMs ||= performance.now();
      return this.#timed(() => this.inner.decode(latents, images));
    },
    close: () => this.inner.close(),
  };

  async #timed<T>(run: () => Promise<T>): Promise<T> {
    const beginMs = performance.now();
    const result = await run();
    this.onnxMs += performance.now() - beginMs;
    return result;
  }

  #isComputed(): boolean {
    return this.#step % this.every === Math.floor(this.every / 2);
  }
}
