import { causal } from "../families/causal/importing.js";
import { dit } from "../families/dit/importing.js";
import { mar } from "../families/mar/importing.js";
import { sit } from "../families/sit/importing.js";
import type { FamilyName } from "../model/family-traits.js";
import { familyName, type GeneratorArchitecture } from "../model/manifest.js";
import type { Tensors } from "./architecture/tensor-table.js";
import type { ImportedFamily } from "./imported-family.js";

/** Every family whose generators can be imported. */
const BY_NAME: Record<FamilyName, ImportedFamily> = { mar, dit, sit, causal };
export const IMPORTED_FAMILIES: readonly ImportedFamily[] = Object.values(BY_NAME);

/** Every generator's checkpoint has one of these tensors, once. */
export const GENERATOR_MARKERS: readonly string[] = [...new Set(IMPORTED_FAMILIES.flatMap(({ markers }) => markers))];

/** The family that a model's manifest describes. */
export function importedFamily(generator: GeneratorArchitecture): ImportedFamily {
  return BY_NAME[familyName(generator)];
}

/** The family of a checkpoint's generator. Tensors that are no generator's are taken for a MAR model's, which names what they lack. */
export async function recogniseFamily(tensors: Tensors, arch: string | undefined): Promise<ImportedFamily> {
  const marked = IMPORTED_FAMILIES.filter(({ markers }) => markers.some((marker) => tensors.has(marker)));
  for (const family of marked) if (await family.recognises?.(tensors, arch)) return family;
  return marked[0] ?? mar;
}

/** What is wrong with `--arch`, as a sentence; undefined where it names a published size or a file, which is read later. */
export function architectureMistake(arch: string): string | undefined {
  const sizes = IMPORTED_FAMILIES.flatMap((family) => family.sizes);
  if (sizes.includes(arch) || arch.endsWith(".json")) return undefined;
  return `--arch ${JSON.stringify(arch)} is not known; use ${sizes.join(", ")} or the path of a config.json.`;
}
