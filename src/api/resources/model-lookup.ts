import { Problem } from "../../errors.js";
import type { Manifest } from "../../model/manifest.js";
import type { ModelRegistry } from "../../model/registry.js";
import { nearMisses } from "../../validation/near-misses.js";

/** The model that an address names. Throws `unknown_model`. */
export function foundModel(id: string, models: ModelRegistry): Manifest {
  const manifest = models.get(id);
  if (manifest) return manifest;
  const names = models.list().map(({ name }) => name);
  const meant = nearMisses(id, names);
  const hint = meant.length > 0 ? `did you mean ${meant.join(" or ")}?` : `there are: ${names.join(", ")}.`;
  throw new Problem("unknown_model", `There is no model ${JSON.stringify(id)}; ${hint}`);
}
