import Type, { type Static } from "typebox";

/** What ONNX Runtime runs a model's graphs on (its "execution provider"). */
export const Provider = Type.Union([Type.Literal("cpu"), Type.Literal("cuda"), Type.Literal("webgpu")], {
  default: "cpu",
  description:
    "What the models run on: cpu; webgpu, any GPU with a driver for Vulkan, Direct3D 12 or Metal; or cuda, which needs an NVIDIA GPU, CUDA 13, cuDNN 9 and `marimba gpu install` (Linux x64).",
});
export type Provider = Static<typeof Provider>;

/** The provider can't be used here, or not for this model; the message is one sentence or two. */
export class ProviderError extends Error {
  override readonly name = "ProviderError";
}

/** What ONNX Runtime, CUDA, cuBLAS and Vulkan say when memory runs out. */
const OUT_OF_MEMORY = /failed to allocate memory|out[ _]of[ _](device[ _]|host[ _])?memory|ALLOC_FAILED|bad[_ ]alloc/i;

/** Whether a run failed for want of memory: a smaller one may do. */
export function isOutOfMemory(error: unknown): boolean {
  return OUT_OF_MEMORY.test(error instanceof Error ? error.message : String(error));
}
