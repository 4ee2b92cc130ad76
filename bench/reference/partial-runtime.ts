import type { Runtime, Tensors } from "../../src/engine/runtime/runtime.js";
import type { Traffic } from "./copies.js";

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
  readonly traffic: Traffic = { runs: 0, bytes: 0 };
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

  get runtime(): Runtime {
    return { ...this.inner, run: (graph, inputs) => this.#run(graph, inputs) };
  }

  #run(graph: string, inputs: Tensors): Promise<Tensors> {
    if (graph === "denoise") this.#headAtMs ||= performance.now();
    if (graph === "decode") this.#decodeAtMs ||= performance.now();
    if (graph === "decode" || this.#isComputed()) return this.#timed(graph, inputs);
    return Promise.resolve(graph === "predict" ? this.#zeros(inputs) : this.#noise(inputs));
  }

  /** z of every target. */
  #zeros({ targets }: Tensors): Tensors {
    const shape = [...targets!.shape, this.width];
    return { z: { data: new Float32Array(targets!.data.length * this.width), shape } };
  }

  /** The noise that the diffusion loop begins with. */
  #noise({ x }: Tensors): Tensors {
    return { x_out: { data: x!.data.slice(), shape: x!.shape } };
  }

  async #timed(graph: string, inputs: Tensors): Promise<Tensors> {
    const beginMs = performance.now();
    const outputs = await this.inner.run(graph, inputs);
    this.onnxMs += performance.now() - beginMs;
    this.traffic.runs++;
    for (const { data } of [...Object.values(inputs), ...Object.values(outputs)]) this.traffic.bytes += data.byteLength;
    return outputs;
  }

  #isComputed(): boolean {
    return this.#step % this.every === Math.floor(this.every / 2);
  }
}
