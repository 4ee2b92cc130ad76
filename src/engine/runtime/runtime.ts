import type { GraphName } from "../../model/manifest.js";
import type { Provider } from "./provider.js";

/** What goes into a run and comes out of it. Row-major: float32, int64 or uint8, as the array's type says. */
export interface Tensor {
  readonly data: Float32Array | BigInt64Array | Uint8Array;
  readonly shape: readonly number[];
}
export type Tensors = Readonly<Record<string, Tensor>>;

/** One model loaded for inference. Every call blocks its thread while it runs. */
export interface Runtime {
  /** Runs the graph `graph`.onnx on its inputs by name, and returns its outputs. Inputs are not copied; outputs are. */
  run(graph: string, inputs: Tensors): Promise<Tensors>;
  close(): Promise<void>;
  /** How many times as much memory as on a CPU one run may take; absent: 1. */
  readonly runMemory?: number;
}

/** A graph with a loop, as two graphs for a provider that has no loops. */
export interface LoopGraphs {
  /** Runs once. Its outputs are inputs of `step`. */
  readonly before: Uint8Array;
  /** Runs for each step, whose number is its input `step`. */
  readonly step: Uint8Array;
  /** What a step makes of what the step before it made: float32, of rank 2. */
  readonly state: { readonly input: string; readonly output: string };
  /** The outputs of `before` that stay on the device. Others are indices, which the provider's kernels read on the CPU. */
  readonly kept: readonly string[];
  /** The input whose first axis is the steps. */
  readonly over: string;
}

/** Graphs that stand in for those of a model's folder, by name; their weights stay in the folder. */
export type GraphVariants = Readonly<Partial<Record<GraphName, Uint8Array | LoopGraphs>>>;

/** What a model's graphs run on, and how. */
export interface RuntimeSettings extends Device {
  /** Threads inside one ONNX operator. */
  readonly threads: number;
  /** Path prefix of each graph's profile, which ONNX Runtime writes when the runtime is closed. */
  readonly profile?: string;
}

/** The device that a model's graphs run on. */
export interface Device {
  /** What the graphs run on; absent: the CPU. */
  readonly provider?: Provider;
  /** Which of the machine's GPUs, for the provider `cuda`. */
  readonly cudaDevice?: number;
}

/** How a runtime is opened; everything else is in the model's folder. */
export interface RuntimeOptions extends RuntimeSettings {
  /** `graphsOf` a model's architecture, or some of them. */
  readonly graphs: readonly GraphName[];
  /** Used instead of the folder's graphs. */
  readonly variants?: GraphVariants;
  /** The variants use our own operators: for the CPU, and only where `loadKernels` returns them. */
  readonly kernels?: true;
}

/** An output that must be float32. */
export function floats(outputs: Tensors, name: string): Float32Array {
  const data = outputs[name]?.data;
  if (!(data instanceof Float32Array)) throw new Error(`The graph has no float32 output ${name}.`);
  return data;
}
