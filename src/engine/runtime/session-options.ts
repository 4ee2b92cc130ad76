import { env, type InferenceSession } from "onnxruntime-node";
import { checkCuda } from "./cuda.js";
import { int8Saturates } from "./probe.js";
import type { RuntimeSettings } from "./runtime.js";
import { checkWebgpu } from "./webgpu.js";

/** How every graph is opened. Rejects with a sentence where the provider that is asked for can't be used. */
export async function sessionOptions(options: RuntimeSettings): Promise<InferenceSession.SessionOptions> {
  const { threads, provider = "cpu", cudaDevice = 0 } = options;
  env.logLevel = "fatal"; // Messages outside any session; their errors are thrown as well.
  if (provider === "cuda") await checkCuda(cudaDevice);
  if (provider === "webgpu") await checkWebgpu();
  return {
    executionProviders: {
      cpu: ["cpu"],
      cuda: [{ name: "cuda", deviceId: cudaDevice } as const, "cpu"],
      webgpu: ["webgpu", "cpu"],
    }[provider],
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    enableCpuMemArena: true,
    enableMemPattern: true,
    logSeverityLevel: 4, // Every error is thrown as well.
    // Keys and values are those of onnxruntime_session_options_config_keys.h.
    extra: {
      session: {
        // The next operator follows within a few microseconds, and waking a thread takes longer; but a thread that waits on
        // takes processor time from other threads that have work.
        intra_op: { allow_spinning: "1", spin_duration_us: "20" },
        force_spinning_stop: "1",
        // Weights as uint8: exact on CPUs whose products with int8 are not; slower on all others, VNNI included.
        ...((await int8Saturates()) && { x64quantprecision: "1" }),
      },
    },
    // Without a number, ONNX Runtime counts the machine's cores and pins its threads to them.
    intraOpNumThreads: threads,
  };
}
