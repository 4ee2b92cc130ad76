import { type Decoded, Decoder } from "../../../src/engine/decoder.js";
import { openModel } from "../../../src/engine/open-model.js";
import type { Runtime, RuntimeSettings } from "../../../src/engine/runtime/runtime.js";
import { type DenoiseBatch, denoise } from "../../../src/families/heads/denoise.js";
import { type PredictBatch, predict } from "../../../src/families/mar/predict.js";
import type { Architecture, MarArchitecture } from "../../../src/model/manifest.js";

/** The graphs that generate as functions, over the batches that the engine makes. */
export function typedGraphs(runtime: Runtime, model: MarArchitecture) {
  return {
    predict: (batch: PredictBatch) => predict(runtime, model, batch),
    denoise: (batch: DenoiseBatch) => denoise(runtime, model, batch),
  };
}

/** The same, and decoding. */
export type TypedRuntime = ReturnType<typeof typedGraphs> & {
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
  const decoder = new Decoder(runtime, tokenizer);
  return {
    ...typedGraphs(runtime, generator),
    decode: (latents) => decoder.decode(latents),
    close: () => runtime.close(),
  };
}
