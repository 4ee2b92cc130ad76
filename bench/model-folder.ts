import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { type Manifest, MODEL_FILES } from "../src/model/manifest.js";
import { loadRegistry, type ModelRegistry } from "../src/model/registry.js";

/** The model to measure. */
export interface MeasuredModel {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly models: ModelRegistry;
  /** Makes a server serve this model alone. */
  readonly environment: { readonly MODELS_DIR: string; readonly MODELS: string };
}

/** Rejects if the folder holds no usable model. */
export async function openModelFolder(path: string): Promise<MeasuredModel> {
  const folder = resolve(path);
  if (!existsSync(join(folder, MODEL_FILES.manifest)))
    throw new Error(`${folder} is not the folder of a model: it has no ${MODEL_FILES.manifest}.`);
  const environment = { MODELS_DIR: dirname(folder), MODELS: basename(folder) };
  const models = await loadRegistry([environment.MODELS_DIR], [environment.MODELS]);
  return { folder, manifest: models.get(models.default)!, models, environment };
}
