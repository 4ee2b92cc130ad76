import { readFile } from "node:fs/promises";
import Type, { type Static } from "typebox";
import { type ModelClass, Preset } from "../model/manifest.js";
import { PresetParameters } from "../model/parameters.js";
import { ImportError } from "./error.js";
import { readJsonFile } from "./json-file.js";

/** `--defaults`: a JSON file of settings. Defaults that it leaves out are the published ones. */
export const ModelSettings = Type.Object(
  {
    description: Type.Optional(Type.String({ maxLength: 400 })),
    defaults: Type.Optional(PresetParameters),
    presets: Type.Optional(Type.Record(Type.String({ pattern: "^[a-z0-9][a-z0-9_-]{0,31}$" }), Preset)),
    default_preset: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);
export type ModelSettings = Static<typeof ModelSettings>;

const ClassEntry = Type.Union([
  Type.String({ minLength: 1, maxLength: 200 }),
  Type.Object(
    { name: Type.String({ minLength: 1, maxLength: 200 }), id: Type.Optional(Type.String({ maxLength: 40 })) },
    { additionalProperties: false },
  ),
]);
const ClassFile = Type.Array(ClassEntry);
export type ClassEntry = Static<typeof ClassEntry>;

export function readSettings(path: string): Promise<ModelSettings> {
  return readJsonFile(path, ModelSettings);
}

/** `--classes`: a JSON array of names, or of `{name, id}`, in the order of the class embedding. */
export function readClasses(path: string): Promise<ClassEntry[]> {
  return readJsonFile(path, ClassFile);
}

/** A name for every class: the given one, ImageNet's for a published model, or "class 0", "class 1" ... */
export async function nameClasses(
  given: readonly ClassEntry[] | undefined,
  publishedSize: string | undefined,
  classCount: number,
): Promise<ModelClass[]> {
  const entries = given ?? (publishedSize && classCount === IMAGENET_CLASSES ? await readImagenetClasses() : undefined);
  if (!entries) return Array.from({ length: classCount }, (_, index) => ({ index, name: `class ${index}` }));
  if (entries.length !== classCount) {
    throw new ImportError(`--classes names ${entries.length} classes, but the generator has ${classCount}.`);
  }
  return entries.map((entry, index) => ({ index, ...(typeof entry === "string" ? { name: entry } : entry) }));
}

const IMAGENET_CLASSES = 1000;

/**
 * The classes of ILSVRC 2012 in the order of their synset ids, which is that of the published models' class embedding:
 * folders sorted by name (torchvision's ImageFolder in main_mar.py of the reference). Names are WordNet 3.0's lemmas,
 * taken from timm 0.9.12 (timm/data/_info) and compared with torchvision 0.28.0 (models/_meta.py).
 */
export async function readImagenetClasses(): Promise<{ id: string; name: string }[]> {
  const names = JSON.parse(await readFile(new URL("./data/imagenet.json", import.meta.url), "utf8")) as Record<
    string,
    string
  >;
  return Object.entries(names).map(([id, name]) => ({ id, name }));
}
