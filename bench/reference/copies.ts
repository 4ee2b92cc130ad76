import { InferenceSession, Tensor } from "onnxruntime-node";
import type { RuntimeOptions } from "../../src/engine/runtime/runtime.js";
import { sessionOptions } from "../../src/engine/runtime/session-options.js";
import { encodeModel } from "../../src/model/graph/onnx.js";
import { median } from "../statistics.js";

/** The inputs and outputs of all runs together. */
export interface Traffic {
  runs: number;
  bytes: number;
}

/** Inputs and outputs together, and how long it takes to copy as much to the device and back. */
export interface Copies {
  readonly mib: number;
  readonly ms: number;
}

const REPEATS = 20;

/**
 * How long ONNX Runtime takes to copy as much to the device and back, in as many runs: those of a graph that only copies.
 * A profile does not show it, because the last copy of a run waits for everything before it.
 */
export async function timeCopies({ runs, bytes }: Traffic, options: RuntimeOptions): Promise<Copies> {
  const session = await InferenceSession.create(copyingGraph(), await sessionOptions(options));
  // Half of the bytes go to the device, and the same half comes back.
  const x = new Float32Array(Math.ceil(bytes / runs / 2 / Float32Array.BYTES_PER_ELEMENT));
  const times: number[] = [];
  for (let i = 0; i < REPEATS; i++) {
    const beginMs = performance.now();
    await session.run({ x: new Tensor("float32", x, [x.length]) });
    times.push(performance.now() - beginMs);
  }
  await session.release();
  return { mib: bytes / 2 ** 20, ms: runs * median(times) };
}

/** Neg, since ONNX Runtime removes a node that changes nothing. */
function copyingGraph(): Uint8Array {
  return encodeModel({
    name: "copy",
    inputs: [{ name: "x", type: "float32", shape: ["n"] }],
    outputs: [{ name: "y", type: "float32", shape: ["n"] }],
    initializers: [],
    nodes: [{ op: "Neg", domain: "", name: "neg", inputs: ["x"], outputs: ["y"], attributes: {} }],
  });
}
