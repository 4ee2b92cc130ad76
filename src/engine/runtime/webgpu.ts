import { InferenceSession, Tensor } from "onnxruntime-node";
import { encodeModel } from "../../model/graph/onnx.js";
import { probeGraph } from "./probe.js";
import { ProviderError } from "./provider.js";
import type { LoopGraphs } from "./runtime.js";

/** Rejects with a sentence where ONNX Runtime finds no GPU. Never falls back to the CPU. */
export async function checkWebgpu(): Promise<void> {
  try {
    const session = await InferenceSession.create(probeGraph(), {
      executionProviders: ["webgpu", "cpu"],
      intraOpNumThreads: 1,
      logSeverityLevel: 4,
    });
    await session.release();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // ONNX Runtime puts its own source lines in front.
    const reason = /Failed to get a WebGPU \w+: .*/.exec(message)?.[0] ?? message;
    throw new ProviderError(
      "PROVIDER=webgpu can't be used here, because no GPU was found. It needs a GPU with a driver for Vulkan (on Linux, with its loader: " +
        `the package libvulkan1), Direct3D 12 or Metal. PROVIDER=cpu needs no GPU. ONNX Runtime reports: ${reason}`,
    );
  }
}

/** The sentence for a run that failed for a known reason. */
export function explainWebgpu(error: Error): Error {
  if (!/requires f16 but the device does not support it/.test(error.message)) return error;
  return new Error("This GPU or its driver can't compute in float16; import the model with --precision fp32.");
}

export type Feeds = Readonly<Record<string, Tensor>>;

/** What a session is to its callers. */
export interface OpenGraph {
  run(feeds: Feeds): Promise<Readonly<Record<string, Pick<Tensor, "data" | "dims">>>>;
  endProfiling(): void;
  release(): Promise<void>;
}

/** Runs a loop step by step. What it computes before the steps, and what a step hands to the next, stay on the GPU. */
export class Loop implements OpenGraph {
  private constructor(
    private readonly graphs: LoopGraphs,
    private readonly before: InferenceSession,
    private readonly step: InferenceSession,
    private readonly download: InferenceSession,
  ) {}

  static async open(graphs: LoopGraphs, options: InferenceSession.SessionOptions): Promise<Loop> {
    const onGpu = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, "gpu-buffer"] as const));
    const open = (graph: Uint8Array, names: readonly string[] = []) =>
      InferenceSession.create(graph, { ...options, preferredOutputLocation: onGpu(names) });
    const before = await open(graphs.before, graphs.kept);
    const step = await open(graphs.step, [graphs.state.output]);
    return new Loop(graphs, before, step, await open(downloadGraph()));
  }

  async run(inputs: Feeds): Promise<Record<string, Tensor>> {
    const { state, over } = this.graphs;
    const steps = inputs[over]!.dims[0]!;
    const { [state.input]: first, ...rest } = inputs;
    const fixed = await this.before.run(rest);
    let current = first!;
    try {
      for (let step = 0; step < steps; step++) {
        const number = new Tensor("int64", BigInt64Array.of(BigInt(step)), []);
        const { [state.output]: next } = await this.step.run({ ...fixed, [state.input]: current, step: number });
        dispose(current);
        current = next!;
      }
      const { value } = await this.download.run({ on_gpu: current });
      return { [state.output]: value! };
    } finally {
      for (const tensor of [current, ...Object.values(fixed)]) dispose(tensor);
    }
  }

  endProfiling(): void {
    for (const session of [this.before, this.step, this.download]) session.endProfiling();
  }

  async release(): Promise<void> {
    for (const session of [this.before, this.step, this.download]) await session.release();
  }
}

/** Memory on the GPU is given back at once; the garbage collector sees only a small object. */
function dispose(tensor: Tensor): void {
  if (tensor.location === "gpu-buffer") tensor.dispose();
}

/** Copies a matrix to the CPU: onnxruntime-node has no call for that. */
function downloadGraph(): Uint8Array {
  const shape = ["rows", "columns"];
  return encodeModel({
    name: "download",
    inputs: [{ name: "on_gpu", type: "float32", shape }],
    outputs: [{ name: "value", type: "float32", shape }],
    initializers: [],
    nodes: [{ op: "Identity", domain: "", name: "copy", inputs: ["on_gpu"], outputs: ["value"], attributes: {} }],
  });
}
