import { InferenceSession, Tensor } from "onnxruntime-node";
import { encodeModel } from "../../model/graph/onnx.js";

/** A product of two byte matrices, [rows, DEPTH] of uint8 and [DEPTH, OUTPUTS] of int8: a minimal graph that exposes saturation. */
const DEPTH = 8;
const OUTPUTS = 16;
const LARGEST_UINT8 = 255;
const LARGEST_INT8 = 127;

/** One small product: opens quickly with any provider. */
export function probeGraph(): Uint8Array {
  return encodeModel({
    name: "probe",
    inputs: [
      { name: "a", type: "uint8", shape: ["rows", DEPTH] },
      { name: "b", type: "int8", shape: [DEPTH, OUTPUTS] },
    ],
    outputs: [{ name: "product", type: "int32", shape: ["rows", OUTPUTS] }],
    initializers: [],
    nodes: [
      { op: "MatMulInteger", domain: "", name: "product", inputs: ["a", "b"], outputs: ["product"], attributes: {} },
    ],
  });
}

let saturates: Promise<boolean> | undefined;

/**
 * Whether this CPU's products of uint8 and int8 are wrong where they are large: x64 without VNNI adds two of them in 16
 * bits, which saturate at 32,767 (ONNX Runtime's docs/performance/model-optimizations/quantization). Asked of the CPU by
 * multiplying, since ONNX Runtime does not say which of its kernels it uses.
 */
export function int8Saturates(): Promise<boolean> {
  saturates ??= multiplyLargest();
  return saturates;
}

async function multiplyLargest(): Promise<boolean> {
  const session = await InferenceSession.create(probeGraph(), { intraOpNumThreads: 1, logSeverityLevel: 4 });
  try {
    const b = new Tensor("int8", new Int8Array(DEPTH * OUTPUTS).fill(LARGEST_INT8), [DEPTH, OUTPUTS]);
    // One row and several are different kernels.
    for (const rows of [1, 5]) {
      const a = new Tensor("uint8", new Uint8Array(rows * DEPTH).fill(LARGEST_UINT8), [rows, DEPTH]);
      const { product } = await session.run({ a, b });
      const values = product!.data as Int32Array;
      if (values.some((value) => value !== DEPTH * LARGEST_UINT8 * LARGEST_INT8)) return true;
    }
    return false;
  } finally {
    await session.release();
  }
}
