import { readFile } from "node:fs/promises";
import Type, { type Static } from "typebox";
import {
  type Architecture,
  type CausalArchitecture,
  type Manifest,
  type ModelClass,
  makesCodes,
  Preset,
} from "../model/manifest.js";
import { type DefaultParameters, PresetParameters } from "../model/parameters.js";
import type { TokenizerKind } from "../model/tokenizer-architecture.js";
import { type PublishedSize, publishedSizeOf } from "./architecture/stated-architecture.js";
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

/** Guidance of the best published results (arXiv 2406.11838 and 2507.15856, 256 steps); L's for a model of another size. */
const PUBLISHED_GUIDANCE: Readonly<Record<PublishedSize, number>> = {
  "mar-b": 2.9,
  "mar-l": 3.0,
  "mar-h": 3.2,
  "detok-mar-b": 3.9,
  "detok-mar-l": 3.4,
};
const OTHER_GUIDANCE = PUBLISHED_GUIDANCE["mar-l"];
const PUBLISHED_STEPS = 64;

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

/** What a model has without settings of its own. */
export function publishedSettings({ generator, tokenizer }: Architecture): Pick<Manifest, "defaults" | "presets"> {
  if (makesCodes(generator)) return llamagenSettings(generator);
  if ("family" in generator) return { dit: DIT_SETTINGS, sit: SIT_SETTINGS }[generator.family];
  const defaults = publishedDefaults(generator.encoder.width, generator.token_count, tokenizer.kind);
  return { defaults, presets: publishedPresets(defaults) };
}

/** The official sample.py: 250 DDPM steps with guidance 4. Its FID is measured with guidance 1.5 (sample_ddp.py). */
const DIT_SETTINGS: Pick<Manifest, "defaults" | "presets"> = {
  defaults: { steps: 250, guidance_scale: 4, sampler: "ddpm" },
  presets: {
    exact: { description: "The published sampler: 250 DDPM steps.", parameters: { steps: 250, sampler: "ddpm" } },
    balanced: {
      description: "DDIM in 50 steps; not measured on this model.",
      parameters: { steps: 50, sampler: "ddim" },
    },
    fast: { description: "DDIM in 25 steps; not measured on this model.", parameters: { steps: 25, sampler: "ddim" } },
  },
};

/** The best published results (arXiv 2401.08740, guidance 1.5): 250 steps of the SDE. The official sample.py has guidance 4. */
const SIT_SETTINGS: Pick<Manifest, "defaults" | "presets"> = {
  defaults: { steps: 250, guidance_scale: 4, sampler: "sde" },
  presets: {
    exact: {
      description: "The sampler of the best published results: 250 steps of the SDE.",
      parameters: { steps: 250, sampler: "sde" },
    },
    balanced: {
      description: "The ODE in 25 Heun steps, each two evaluations; not measured on this model.",
      parameters: { steps: 25, sampler: "heun" },
    },
    fast: {
      description: "The ODE in 25 Euler steps; not measured on this model.",
      parameters: { steps: 25, sampler: "euler" },
    },
  },
};

/** Guidance of the published results, by width; all codes may be drawn, at temperature 1 (GETTING_STARTED.md of LlamaGen). */
const LLAMAGEN_GUIDANCE: Readonly<Record<number, number>> = { 768: 2, 1024: 2, 1280: 1.75, 1536: 1.75, 3200: 1.65 };
const OTHER_LLAMAGEN_GUIDANCE = 2;

function llamagenSettings({ transformer, token_count }: CausalArchitecture): Pick<Manifest, "defaults" | "presets"> {
  const guidance_scale = LLAMAGEN_GUIDANCE[transformer.width] ?? OTHER_LLAMAGEN_GUIDANCE;
  return {
    defaults: { steps: token_count, guidance_scale, temperature: 1, top_k: 0, top_p: 1 },
    presets: {
      exact: { description: "The sampler of the published results.", parameters: { guidance_scale, top_k: 0 } },
      plain: {
        description: "The official demo's guidance of 4 and 2000 likeliest codes: plainer and less varied.",
        parameters: { guidance_scale: 4, top_k: 2000 },
      },
    },
  };
}

/** The published sampler for a model of these sizes: 64 steps, linear guidance, 100 diffusion steps from t = 999. */
export function publishedDefaults(
  encoderWidth: number,
  tokenCount: number,
  tokenizer?: TokenizerKind,
): DefaultParameters {
  const size = publishedSizeOf(encoderWidth, tokenizer);
  return {
    steps: Math.min(PUBLISHED_STEPS, tokenCount),
    guidance_scale: size ? PUBLISHED_GUIDANCE[size] : OTHER_GUIDANCE,
    guidance_schedule: "linear",
    temperature: 1,
    diffusion_steps: 100,
    max_timestep: 999,
    order: "random",
  };
}

/** Where few diffusion steps begin (DiSA): at t = 999 an error is multiplied by 20,291, at 950 by 13. */
const ANNEALED_FROM = 950;

/**
 * The presets of a model without its own: `exact`, the published sampler whatever the model's defaults are, and two
 * that skip some of its work. `balanced` is GtR as published (FID 1.59 for H, as `exact`; arXiv 2510.17171); `fast` goes further than
 * anything published.
 */
export function publishedPresets(published: DefaultParameters): Manifest["presets"] {
  const quick = (steps: number, reconstruction_steps: number, diffusion_steps_final: number) => ({
    steps: Math.min(steps, published.steps),
    diffusion_steps: 50,
    diffusion_steps_final,
    max_timestep: ANNEALED_FROM,
    order: "checkerboard" as const,
    reconstruction_steps,
  });
  return {
    exact: {
      description: "The published sampler, nothing skipped.",
      parameters: published,
    },
    balanced: {
      description: "Every other token with care, the rest quickly (GtR); not measured on this model.",
      parameters: quick(32, 2, 20),
    },
    fast: {
      description: "The same in half as many steps; not measured on this model.",
      parameters: quick(16, 1, 10),
    },
  };
}
