import { FAMILY_TRAITS } from "../../model/family-traits.js";
import { familyName, type Manifest } from "../../model/manifest.js";
import type { Provider } from "./provider.js";

const GPU_NAMES: Readonly<Record<Provider, string | undefined>> = { cpu: undefined, cuda: "CUDA", webgpu: "WebGPU" };

/** Why a provider must not run a model, in a sentence that says what to do; undefined if it can. */
export function modelRefusal(
  { name, architecture, precision }: Pick<Manifest, "name" | "architecture" | "precision">,
  provider: Provider = "cpu",
): string | undefined {
  const gpu = GPU_NAMES[provider];
  if (gpu === undefined) return undefined;
  const family = familyName(architecture.generator);
  if (!FAMILY_TRAITS[family].runsOnGpus)
    return `The model ${name} is of the family ${family}, which runs on the CPU only. Set PROVIDER=cpu.`;
  if (precision !== "int8") return undefined;
  // Only the GPU knows whether it has float16.
  const others = provider === "webgpu" ? "--precision fp16, or fp32 for a GPU without float16" : "--precision fp16";
  return (
    `The model ${name} is int8, whose products have no ${gpu} implementation in ONNX Runtime and would run on the ` +
    `CPU. Import it with ${others}, or set PROVIDER=cpu.`
  );
}
