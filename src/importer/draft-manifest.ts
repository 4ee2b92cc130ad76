import { Manifest } from "../model/manifest.js";
import { checkManifest } from "../model/registry.js";
import { fieldErrors } from "../validation/field-errors.js";
import type { DerivedArchitecture } from "./architecture/derive-architecture.js";
import { listed } from "./architecture/tensor-table.js";
import { ImportError } from "./error.js";
import { importedFamily } from "./families.js";
import { nameClasses } from "./model-settings.js";
import type { ImportOptions } from "./options.js";
import type { WeightsPlan } from "./weights/weights-plan.js";

/** Everything of the manifest that is known before the weights are read, and checked before anything is written. */
export async function draftManifest(
  options: ImportOptions,
  { architecture, publishedSize }: DerivedArchitecture,
  plan: WeightsPlan,
): Promise<Manifest> {
  const { generator } = architecture;
  const settings = options.settings ?? {};
  const published = importedFamily(generator).settings(architecture);
  const unread = { file: "", bytes: 0 };
  const manifest: Manifest = {
    format: 1,
    name: options.name,
    ...(settings.description === undefined ? {} : { description: settings.description }),
    architecture,
    classes: await nameClasses(options.classes, publishedSize, generator.class_count),
    precision: options.precision,
    weight_files: [...plan.files],
    hash: "0".repeat(64),
    source: { generator: unread, tokenizer: unread },
    defaults: {
      ...published.defaults,
      ...(architecture.decoder && { decoder: "consistency" }),
      ...settings.defaults,
    },
    presets: settings.presets ?? published.presets,
    ...(settings.default_preset === undefined ? {} : { default_preset: settings.default_preset }),
  };
  assertManifest(manifest);
  return manifest;
}

/** What is wrong with a model's name, as a sentence; undefined where nothing is. */
export function nameMistake(name: string): string | undefined {
  if (fieldErrors(Manifest.properties.name, name).length === 0) return undefined;
  return `${JSON.stringify(name)} is not a valid model name: begin with a lower-case letter or a digit, then use lower-case letters, digits, dots, dashes and underscores, 64 characters at most.`;
}

function assertManifest(manifest: Manifest): void {
  // One class: each was checked when it was read, and a thousand are most of the work.
  const shape = fieldErrors(Manifest, { ...manifest, classes: manifest.classes.slice(0, 1) });
  const errors = shape.length > 0 ? shape : checkManifest(manifest);
  if (errors.length === 0) return;
  const fields = errors.map(({ pointer, message }) => `${pointer} ${message}`);
  throw new ImportError(`The model's manifest would not be valid: ${listed(fields)}.`);
}
