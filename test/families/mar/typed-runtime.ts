import { type Decoded, Decoder } from "../../../src/engine/decoder.js";
import { openRuntime } from "../../../src/engine/runtime/onnx.js";
import { MarGraphs } from "../../../src/families/mar/run-graphs.js";
import { FAMILY_TRAITS } from "../../../src/model/family-traits.js";
import type { Architecture, MarArchitecture } from "../../../src/model/manifest.js";

/** A model's three graphs as functions, over the batches that the engine makes. */
export type TypedRuntime = Pick<MarGraphs, "predict" | "denoise"> & {
  decode(latents: Float32Array): Promise<Decoded>;
  close(): Promise<void>;
};

export async function openTyped(
  folder: string,
  { generator, tokenizer }: Architecture<MarArchitecture>,
  { threads } = { threads: 1 },
): Promise<TypedRuntime> {
  const runtime = await openRuntime(folder, { threads, graphs: FAMILY_TRAITS.mar.graphs });
  const graphs = new MarGraphs(runtime, generator);
  const decoder = new Decoder(runtime, tokenizer);
  return {
    predict: (batch) => graphs.predict(batch),
    denoise: (batch) => graphs.denoise(batch),
    decode: (latents) => decoder.decode(latents),
    close: () => runtime.close(),
  };
}
