import { InferenceSession, Tensor } from "onnxruntime-node";
import { encodeModel } from "../../model/graph/onnx.js";

/** A product of two byte matrices, [rows, DEPTH] of uint8 and [DEPTH, OUTPUTS] of int8: a minimal graph that exposes saturation. */
const DEPTH = 8;
const OUTPUTS = 16;
const LARGEST_UINT8 = 255;
const LARGEST_INT8 = 127;

function probeGraph(): Uint8Array {
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

/** Rejects with a sentence where ONNX Runtime can't use CUDA. */
export async function checkCuda(deviceId: number): Promise<void> {
  try {
    const executionProviders = [{ name: "cuda", deviceId }, "cpu"] as const;
    const session = await InferenceSession.create(probeGraph(), {
      executionProviders,
      intraOpNumThreads: 1,
      logSeverityLevel: 4,
    });
    await session.release();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `PROVIDER is cuda, but ONNX Runtime cannot use CUDA device ${deviceId} here. It needs Linux x64, an NVIDIA driver, ` +
        "CUDA 12 with cuDNN 9, and its own CUDA libraries, which docs/deployment.md says how to get; " +
        `PROVIDER=cpu does without. ONNX Runtime's words: ${reason}`,
    );
  }
}
