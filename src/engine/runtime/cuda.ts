import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { InferenceSession } from "onnxruntime-node";
import { probeGraph } from "./probe.js";
import { ProviderError } from "./provider.js";
import { loads, NotALibrary, readNeeded } from "./shared-library.js";

/** The libraries that ONNX Runtime's CUDA provider consists of. onnxruntime-node's package does not contain them. */
export const PROVIDER_FILES = ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"] as const;

/** The provider opens cuDNN itself, so its file does not name it. */
const CUDNN = "libcudnn.so.9";
const DRIVER = "libcuda.so.1";

/** Where ONNX Runtime looks for its providers: beside its own library. */
export function providerFolder(): string {
  const root = dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json"));
  return join(root, "bin/napi-v6/linux/x64");
}

/**
 * Why CUDA can't be used here, in one sentence that says what is missing and how to get it; undefined if all libraries are
 * here. Opens no session, so it needs no GPU. Without `driver`, the driver may be missing, as when an image is built.
 */
export async function missingForCuda(
  { driver }: { readonly driver: boolean },
  folder = providerFolder(),
): Promise<string | undefined> {
  if (process.platform !== "linux" || process.arch !== "x64")
    return `CUDA needs Linux on x64; this is ${process.platform} on ${process.arch}.`;
  const absent = PROVIDER_FILES.filter((file) => !existsSync(join(folder, file)));
  if (absent.length > 0)
    return `ONNX Runtime's CUDA provider is not installed (${folder} has no ${absent.join(" and no ")}); run marimba gpu install.`;
  const needed = [CUDNN];
  for (const file of PROVIDER_FILES)
    try {
      needed.push(...(await readNeeded(join(folder, file))));
    } catch (error) {
      if (!(error instanceof NotALibrary)) throw error;
      return `ONNX Runtime's CUDA provider is damaged: ${error.message} Run marimba gpu install, which installs it again.`;
    }
  const missing = [...new Set(needed)].filter((name) => (driver || name !== DRIVER) && !loads(name));
  if (missing.length === 0) return undefined;
  return (
    `ONNX Runtime's CUDA provider can't be loaded: ${describe(missing, needed)}. docs/deployment.md#gpu describes how to ` +
    "install them; LD_LIBRARY_PATH must name the folders of CUDA's and cuDNN's libraries."
  );
}

/** The missing libraries by the product that contains them. */
function describe(missing: readonly string[], needed: readonly string[]): string {
  const version = majorOf(needed.find((name) => name.startsWith("libcudart.")));
  const older = [version - 1, version + 1].find((other) => loads(`libcudart.so.${other}`));
  const productOf = (name: string) => {
    if (name === DRIVER) return "the NVIDIA driver";
    if (name === CUDNN) return `cuDNN ${majorOf(CUDNN)} for CUDA ${version}`;
    if (!/^lib(cu|nv)/.test(name)) return "a library of the system";
    if (loads(`libcudart.so.${version}`)) return `a part of CUDA ${version}`;
    return `CUDA ${version}${older === undefined ? "" : ` (this machine has CUDA ${older})`}`;
  };
  const products = new Map<string, string[]>();
  for (const name of missing) products.set(productOf(name), [...(products.get(productOf(name)) ?? []), name]);
  return [...products].map(([product, names]) => `${product} is missing (${names.join(", ")})`).join(", ");
}

function majorOf(name = ""): number {
  return Number(/\.so\.(\d+)/.exec(name)?.[1] ?? 0);
}

/** Rejects with a sentence where ONNX Runtime can't use a GPU. Never falls back to the CPU. */
export async function checkCuda(deviceId: number): Promise<void> {
  const missing = await missingForCuda({ driver: true });
  if (missing !== undefined)
    throw new ProviderError(`PROVIDER=cuda can't be used here. ${missing} PROVIDER=cpu needs no GPU.`);
  try {
    const session = await InferenceSession.create(probeGraph(), {
      executionProviders: [{ name: "cuda", deviceId }, "cpu"],
      intraOpNumThreads: 1,
      logSeverityLevel: 4,
    });
    await session.release();
  } catch (error) {
    throw new ProviderError(explainCuda(error instanceof Error ? error.message : String(error), deviceId));
  }
}

/** The sentences for a session that ONNX Runtime could not open, from its message. */
export function explainCuda(message: string, deviceId: number): string {
  // ONNX Runtime adds its own source lines on both sides.
  const [reason, code] = /CUDA failure (\d+): [^;]*\w/.exec(message) ?? [message];
  const isDriverTooOld = code === "35"; // cudaErrorInsufficientDriver
  const cause = isDriverTooOld
    ? "the NVIDIA driver is too old for CUDA 13, which needs version 580 or newer; nvidia-smi prints the driver's version"
    : `device ${deviceId} can't be opened; nvidia-smi lists the GPUs that the driver sees`;
  return `PROVIDER=cuda can't be used here. CUDA's libraries load, but ${cause}. PROVIDER=cpu needs no GPU. ONNX Runtime reports: ${reason}`;
}
