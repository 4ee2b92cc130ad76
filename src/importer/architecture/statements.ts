import Type, { type Static, type TSchema } from "typebox";
import { ImportError } from "../error.js";
import { readJsonFile } from "../json-file.js";

/** A size in a config.json, and one that need not be stated. */
export const count = () => Type.Integer({ minimum: 1, maximum: 1_048_576 });
export const optionalCount = () => Type.Optional(count());

/** What `--arch` names: a published size of the family, or the path of a config.json. `label` is the word itself. */
export async function readNamed<Schema extends TSchema>(
  arch: string,
  family: string,
  published: ReadonlyMap<string, Static<Schema>>,
  schema: Schema,
): Promise<Static<Schema> & { readonly label: string }> {
  const size = published.get(arch);
  if (size === undefined && !arch.endsWith(".json"))
    throw new ImportError(`--arch ${arch} is not ${family}, but the checkpoint is.`);
  return Object.assign({ label: arch }, size ?? (await readJsonFile(arch, schema)));
}

/** Throws where the tensors contradict a statement, naming both values. */
export function checkStatement(label: string, field: string, stated: unknown, found: unknown): void {
  if (stated !== undefined && stated !== found)
    throw new ImportError(`${label} says ${field} is ${stated}, but the tensors say ${found}.`);
}
