import type { Manifest } from "../src/model/manifest.js";
import type { ImageRequest } from "../src/model/parameters.js";
import type { ModelRegistry } from "../src/model/registry.js";
import { resolveRequest } from "../src/resolve-request.js";

/** The images that are asked for, one for each index: classes in turn, the default preset, a seed of its own. */
export function requestBody(index: number, manifest: Manifest): { class: number; seed: number } {
  return { class: index % manifest.classes.length, seed: 1000 + index };
}

/** The same image for the engine, resolved as the API does it. */
export function imageRequest(index: number, models: ModelRegistry): ImageRequest {
  const manifest = models.get(models.default)!;
  const { parameters, seed } = resolveRequest(requestBody(index, manifest), models, 1);
  return { parameters, seed, imageIndex: 0 };
}
