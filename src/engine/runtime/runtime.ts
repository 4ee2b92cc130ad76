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
  /** Runs the graph `graph`.onnx on its inputs by name. */
  run(graph: string, inputs: Tensors): Promise<Tensors>;
  close(): Promise<void>;
  /** How many times as much memory as on a CPU one run may take; absent: 1. */
  readonly runMemory?: number;
}

/** How a runtime is opened; everything else is in the model's folder. */
export interface RuntimeOptions extends Device {
  /** Threads inside one ONNX operator. */
  readonly threads: number;
  /** Which graphs; absent: those that generate with a MAR model. */
  readonly graphs?: readonly GraphName[];
  /** Path prefix of each graph's profile, which ONNX Runtime writes when the runtime is closed. */
  readonly profile?: string;
}

export interface Device {
  /** What the graphs run on; absent: the CPU. */
  readonly provider?: Provider;
  /** Which of the machine's GPUs, for the provider `cuda`. */
  readonly cudaDevice?: number;
}

/** An output that must be float32. */
export function floats(outputs: Tensors, name: string): Float32Array {
  const data = outputs[name]?.data;
  if (!(data instanceof Float32Array)) throw new Error(`The graph has no float32 output ${name}.`);
  return data;
}
