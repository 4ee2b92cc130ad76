import type { Dirent } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { FieldError } from "../errors.js";
import { fileErrorReason } from "../files/file-errors.js";
import { fieldErrors } from "../validation/field-errors.js";
import { checkParameters } from "./check-parameters.js";
import { Manifest, MODEL_FILES, makesCodes } from "./manifest.js";
import type { SamplingParameters } from "./parameters.js";
import { DECODER_CHANNELS } from "./tokenizer-architecture.js";

/** The models that this process knows, by their manifests alone. */
export interface ModelRegistry {
  /** The model of requests that name none. */
  readonly default: string;
  list(): Manifest[];
  get(name: string): Manifest | undefined;
  /** The folder of a listed model. */
  folderOf(name: string): string;
}

/** A models folder or a manifest is not usable; the message names the file and each field at fault. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
}

/** A manifest of 1000 classes has 100 KB; the bound keeps a wrong file from filling memory. */
const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;

const PREFERRED_MODEL = "demo";

/**
 * Reads and checks the manifests of `names`, or of every model in `modelsDirs`; of two models with one name the first
 * folder's counts. Calls `warn` for each folder without a manifest. The first name is the default model; without names it is
 * `demo`, if there is one. Throws `RegistryError`.
 */
export async function loadRegistry(
  modelsDirs: readonly string[],
  names?: readonly string[],
  warn: (sentence: string) => void = () => {},
): Promise<ModelRegistry> {
  const found = await findModels(modelsDirs, names ? () => {} : warn);
  const there = [...found.keys()].sort((a, b) => demoFirst(a, b) || (a < b ? -1 : 1));
  const where = modelsDirs.join(" or ");
  if (there.length === 0) {
    throw new RegistryError(
      `There is no model in ${where}; \`marimba import\` makes one, MODELS_DIR names the folder.`,
    );
  }
  if (names) checkAreThere(names, there, where);
  const models = new Map<string, Manifest>();
  for (const name of names ?? there) {
    const manifest = readManifest(found.get(name)!, name);
    models.set(name, await manifest.catch((error: unknown) => fail(error, names === undefined)));
  }
  return {
    default: (names ?? there)[0]!,
    list: () => [...models.values()],
    get: (name) => models.get(name),
    folderOf: (name) => join(found.get(name)!, name),
  };
}

const demoFirst = (a: string, b: string) => Number(b === PREFERRED_MODEL) - Number(a === PREFERRED_MODEL);

/** For each model's name the models folder that holds it. Calls `warn` for folders without a manifest. */
async function findModels(
  modelsDirs: readonly string[],
  warn: (sentence: string) => void,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const modelsDir of modelsDirs) {
    for (const entry of await readModelsDir(modelsDir, modelsDirs.length > 1)) {
      if (!(entry.isDirectory() || entry.isSymbolicLink()) || entry.name.startsWith(".")) continue;
      const hasManifest = await stat(join(modelsDir, entry.name, MODEL_FILES.manifest)).then(
        () => true,
        // A manifest that exists but can't be reached is no reason to pass over a model in silence.
        (error: NodeJS.ErrnoException) => error.code !== "ENOENT" && error.code !== "ENOTDIR",
      );
      if (!hasManifest) warn(`${join(modelsDir, entry.name)} has no model.json: it is passed over.`);
      else if (!found.has(entry.name)) found.set(entry.name, modelsDir);
    }
  }
  return found;
}

async function readModelsDir(modelsDir: string, mayBeMissing: boolean): Promise<Dirent[]> {
  try {
    return await readdir(modelsDir, { withFileTypes: true });
  } catch (error) {
    if (mayBeMissing && (error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new RegistryError(`The models folder ${modelsDir} can't be read: ${reasonOf(error)}; MODELS_DIR names it.`);
  }
}

function checkAreThere(names: readonly string[], there: readonly string[], where: string): void {
  const missing = names.find((name) => !there.includes(name));
  if (missing === undefined) return;
  throw new RegistryError(
    `There is no model ${JSON.stringify(missing)} in ${where}; there ${there.length === 1 ? "is" : "are"} ${there.join(", ")}.`,
  );
}

function fail(error: unknown, isOneOfAll: boolean): never {
  if (!(error instanceof RegistryError) || !isOneOfAll) throw error;
  throw new RegistryError(`${error.message}\nFix it, remove its folder, or name the models to serve in MODELS.`);
}

function reasonOf(error: unknown): string {
  return fileErrorReason(error) ?? (error as Error).message;
}

/** One model's manifest, checked: its shape by the schema, then what one field must say of another. */
export async function readManifest(modelsDir: string, name: string): Promise<Manifest> {
  const path = join(modelsDir, name, MODEL_FILES.manifest);
  // A folder may be copied or linked under another name: that is the model's name here.
  const manifest = { ...parseManifest(path, await readBounded(path)), name };
  throwErrors(path, [...checkFolderName(name), ...checkManifest(manifest)]);
  return manifest;
}

function checkFolderName(name: string): FieldError[] {
  const isName = fieldErrors(Manifest.properties.name, name).length === 0;
  const rule = "lower-case letters, digits, dots, dashes and underscores, beginning with a letter or digit, 64 at most";
  return isName ? [] : [{ pointer: "/name", message: `is the folder's name, "${name}", which must be ${rule}` }];
}

async function readBounded(path: string): Promise<string> {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (size > MAX_MANIFEST_BYTES) {
        throw new RegistryError(`${path} has ${size} bytes; a manifest has at most ${MAX_MANIFEST_BYTES}.`);
      }
      return await file.readFile("utf8");
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof RegistryError) throw error;
    throw new RegistryError(`The model's manifest ${path} can't be read: ${reasonOf(error)}.`);
  }
}

function parseManifest(path: string, text: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new RegistryError(`The model's manifest ${path} is not JSON: ${(error as Error).message}.`);
  }
  renameOldFields(value);
  throwErrors(path, fieldErrors(Manifest, value));
  return value as Manifest;
}

/** Version 0.2.0 wrote `pictures` for the number of measured images. */
function renameOldFields(manifest: unknown): void {
  const { presets } = Object(manifest);
  for (const preset of Object.values(Object(presets))) {
    const { quality } = Object(preset);
    if (typeof quality?.pictures !== "number" || quality.images !== undefined) continue;
    quality.images = quality.pictures;
    delete quality.pictures;
  }
}

function throwErrors(path: string, errors: readonly FieldError[]): void {
  if (errors.length === 0) return;
  const lines = errors.map(({ pointer, message }) => `  ${pointer || "the whole"} ${message}`);
  throw new RegistryError(`The model's manifest ${path} is not valid:\n${lines.join("\n")}`);
}

/** What the schema can't say: sizes that follow from others, and ranges that depend on the model. */
export function checkManifest(manifest: Manifest): FieldError[] {
  const errors: FieldError[] = [];
  const expect = (pointer: string, actual: number, expected: number, because: string) => {
    if (actual !== expected) errors.push({ pointer, message: `must be ${expected} (${because}), not ${actual}` });
  };
  const { generator, tokenizer, decoder } = manifest.architecture;
  const { grid_height, grid_width, latent_channels, patch_size, token_count } = generator;
  const at = "/architecture/generator";
  expect(`${at}/token_count`, token_count, grid_height * grid_width, "grid_height x grid_width");
  expect(
    `${at}/token_channels`,
    generator.token_channels,
    latent_channels * patch_size ** 2,
    "latent_channels x patch_size²",
  );
  if (!makesCodes(generator))
    expect("/architecture/tokenizer/latent_channels", tokenizer.latent_channels, latent_channels, "the generator's");
  else if (tokenizer.kind === "vq") {
    expect(`${at}/latent_channels`, latent_channels, 1, "the number of a code");
    expect("/architecture/tokenizer/codes", tokenizer.codes, generator.codes, "the generator's");
  } else
    errors.push({
      pointer: "/architecture/tokenizer/kind",
      message: `must be "vq" (the generator makes codes), not "${tokenizer.kind}"`,
    });
  expect(
    "/architecture/tokenizer/latent_height",
    tokenizer.latent_height,
    grid_height * patch_size,
    "grid_height x patch_size",
  );
  expect(
    "/architecture/tokenizer/latent_width",
    tokenizer.latent_width,
    grid_width * patch_size,
    "grid_width x patch_size",
  );
  if (tokenizer.kind === "detok") {
    for (const field of ["latent_mean", "latent_std"] as const)
      expect(`/architecture/tokenizer/${field}`, tokenizer[field].length, tokenizer.latent_channels, "latent_channels");
  } else if (tokenizer.encoder_levels) {
    const { encoder_levels, image_height, latent_height } = tokenizer;
    const stride = 2 ** (encoder_levels.length - 1);
    expect("/architecture/tokenizer/image_height", image_height, stride * latent_height, "as the encoder's levels say");
  }
  if (decoder && (tokenizer.kind !== "kl" || tokenizer.latent_channels !== DECODER_CHANNELS))
    errors.push({ pointer: "/architecture/decoder", message: "must be absent: it decodes the latents of KL-8 only" });
  expect("/classes", manifest.classes.length, generator.class_count, "class_count");
  const misplaced = manifest.classes.findIndex((modelClass, index) => modelClass.index !== index);
  if (misplaced >= 0)
    errors.push({ pointer: `/classes/${misplaced}/index`, message: `must be ${misplaced}: classes stand in order` });
  errors.push(...checkSettings(manifest));
  return errors;
}

function checkSettings({ architecture, defaults, presets, default_preset }: Manifest): FieldError[] {
  const errors: FieldError[] = [];
  const check = (pointer: string, parameters: Partial<SamplingParameters>) => {
    for (const { field, message } of checkParameters({ class: null, ...defaults, ...parameters }, architecture)) {
      if (field in parameters || parameters === defaults) errors.push({ pointer: `${pointer}/${field}`, message });
    }
  };
  check("/defaults", defaults);
  for (const [name, { parameters }] of Object.entries(presets)) check(`/presets/${name}/parameters`, parameters);
  if (default_preset !== undefined && !Object.hasOwn(presets, default_preset)) {
    errors.push({ pointer: "/default_preset", message: `must name one of the presets, not "${default_preset}"` });
  }
  return errors;
}
