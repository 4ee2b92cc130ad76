import { access } from "node:fs/promises";
import { join } from "node:path";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { MODEL_FILES } from "../../model/manifest.js";
import { KernelSession } from "./kernels.js";
import type { LoopGraphs, Runtime, RuntimeOptions, Tensor, Tensors } from "./runtime.js";
import { sessionOptions } from "./session-options.js";
import { explainWebgpu, Loop, type OpenGraph } from "./webgpu.js";

/** A GPU has no cache that large runs would leave, and small ones leave most of it idle. It holds gigabytes. */
const CUDA_RUN_MEMORY = 32;

/**
 * Opens the graphs in a model's folder with ONNX Runtime. Opening and running block the calling thread, so both belong in
 * a thread of their own. Rejects with one sentence when a file is missing or cannot be used.
 */
export async function openRuntime(folder: string, options: RuntimeOptions): Promise<Runtime> {
  const opening = await sessionOptions(options);
  const sessions = new Map<string, OpenGraph>();
  const close = async () => {
    for (const session of sessions.values()) {
      if (options.profile !== undefined) session.endProfiling();
      await session.release();
    }
  };
  try {
    for (const graph of options.graphs) {
      const file = MODEL_FILES[graph];
      const profiling = { enableProfiling: true, profileFilePrefix: `${options.profile}${file}` };
      const own = { ...opening, ...(options.profile ? profiling : {}) };
      const variant = options.variants?.[graph];
      sessions.set(
        graph,
        await (variant ? openVariant(folder, graph, variant, own, options) : openSession(folder, file, own)),
      );
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async run(graph, inputs) {
      const session = sessions.get(graph);
      if (!session) throw new Error(`The model has no graph ${graph}.`);
      const outputs: Record<string, Tensor> = {};
      const results = await session.run(toOrt(inputs)).catch((error: Error) => {
        throw options.provider === "webgpu" ? explainWebgpu(error) : error;
      });
      for (const [name, { data, dims }] of Object.entries(results))
        outputs[name] = { data: data as Tensor["data"], shape: dims };
      return outputs satisfies Tensors;
    },
    close,
    ...(options.provider === "cuda" && { runMemory: CUDA_RUN_MEMORY }),
  };
}

/** A graph in memory, whose weights are in the model's folder. */
async function openVariant(
  folder: string,
  graph: string,
  variant: Uint8Array | LoopGraphs,
  options: InferenceSession.SessionOptions,
  { kernels }: RuntimeOptions,
): Promise<OpenGraph> {
  const session = { ...(options.extra?.session as object), model_external_initializers_file_folder_path: folder };
  const own = { ...options, extra: { ...options.extra, session } };
  const open = async () => {
    if (!(variant instanceof Uint8Array)) return Loop.open(variant, own);
    return kernels ? KernelSession.open(variant, own) : InferenceSession.create(variant, own);
  };
  return open().catch((error: unknown) => {
    throw cannotUse(`${graph}.onnx over the weights in ${folder}`, error);
  });
}

async function openSession(folder: string, file: string, options: InferenceSession.SessionOptions): Promise<OpenGraph> {
  const path = join(folder, file);
  await access(path).catch(() => {
    throw new Error(`The model folder ${folder} has no ${file}. Import the model again.`);
  });
  return InferenceSession.create(path, options).catch((error: unknown) => {
    throw cannotUse(path, error);
  });
}

function cannotUse(what: string, error: unknown): Error {
  return new Error(`ONNX Runtime cannot use ${what}: ${error instanceof Error ? error.message : String(error)}`);
}

function toOrt(tensors: Tensors): Record<string, OrtTensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, toOrtTensor(tensor)]));
}

function toOrtTensor({ data, shape }: Tensor): OrtTensor {
  if (data instanceof Float32Array) return new OrtTensor("float32", data, shape);
  if (data instanceof BigInt64Array) return new OrtTensor("int64", data, shape);
  return new OrtTensor("uint8", data, shape);
}
