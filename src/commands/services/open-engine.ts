import { join } from "node:path";
import type { Config } from "../../config.js";
import type { Engine } from "../../engine/engine.js";
import { openNullEngine } from "../../engine/null-engine.js";
import { type EngineOptions, openEngine } from "../../engine/threaded-engine.js";
import type { Manifest } from "../../model/manifest.js";

type Handling = Pick<EngineOptions, "maxBatch" | "maxWaiting" | "onTrouble" | "onLost" | "onWork">;

/** Opens the engine that the configuration asks for. Rejects with `EngineFailure`. */
export async function openConfiguredEngine(config: Config, manifest: Manifest, handling: Handling): Promise<Engine> {
  if (config.engine === "null") return openNullEngine(manifest, handling.maxBatch);
  const { maxBatchDelayMs, threads, provider, cudaDevice } = config;
  const folder = join(config.modelsDir, manifest.name);
  return openEngine({ ...handling, folder, manifest, maxBatchDelayMs, threads, provider, cudaDevice });
}
