import { type Decoded, Decoder } from "../../../src/engine/decoder.js";
import { openModel } from "../../../src/engine/open-model.js";
import type { RuntimeSettings } from "../../../src/engine/runtime/runtime.js";
import { MarGraphs } from "../../../src/families/mar/run-graphs.js";
import type { Architecture, MarArchitecture } from "../../../src/model/manifest.js";

/** A model's three graphs as functions, over the batches that the engine makes. */
export type TypedRuntime = Pick<MarGraphs, "predict" | "denoise"> & {
  decode(latents: Float32Array): Promise<Decoded>;
  close(): Promise<void>;
};

export async function openTyped(
  folder: string,
  architecture: Architecture<MarArchitecture>,
  settings: RuntimeSettings = { threads: 1 },
): Promise<TypedRuntime> {
  const { generator, tokenizer } = architecture;
  const runtime = await openModel(folder, architecture, settings);
  const graphs = new MarGraphs(runtime, generator);
  const decoder = new Decoder(runtime, tokenizer);
  return {
    predict: (batch) => graphs.predict(batch),
    denoise: (batch) => graphs.denoise(batch),
    decode: (latents) => decoder.decode(latents),
    close: () => runtime.close(),
  };
}
