import { DIFFUSION_REQUIRED, FAMILY_TRAITS, HEAD_PARAMETERS } from "./family-traits.js";
import { familyName, type ParameterLimits } from "./manifest.js";
import {
  type DefaultParameters,
  type ImageRequest,
  MAX_SEED,
  type ParameterFault,
  type SamplingParameters,
} from "./parameters.js";
import { DRAW_BOUNDS } from "./sampler/philox.js";

/** Largest image index that fits in the noise key. */
export const MAX_IMAGE_INDEX = DRAW_BOUNDS.imageIndex - 1;

/** Most codes that `top_k` may keep; more than a model has are all. */
const MAX_CODES = 1_048_576;

/** The names of the parameters that a model has, beside the class. */
export function parameterNames({ generator, decoder }: ParameterLimits): readonly (keyof DefaultParameters)[] {
  const { required, optional } = FAMILY_TRAITS[familyName(generator)];
  const { head_kind = "diffusion" } = generator;
  const ofOther: readonly string[] = HEAD_PARAMETERS[head_kind === "diffusion" ? "categorical" : "diffusion"];
  const names = [...required, ...optional].filter((name) => !ofOther.includes(name));
  return [...names, ...(decoder ? ["decoder" as const] : [])];
}

/** How many steps an image of the model may have. */
export function stepBounds({ generator }: ParameterLimits): { readonly minimum: number; readonly maximum: number } {
  const { minimum, maximum } = FAMILY_TRAITS[familyName(generator)].steps;
  const bound = (steps: number | "tokens") => (steps === "tokens" ? generator.token_count : steps);
  return { minimum: bound(minimum), maximum: bound(maximum) };
}

/** Checks resolved parameters against a model, so that bad input never reaches its graphs. Empty: all is well. */
export function checkParameters(parameters: SamplingParameters, model: ParameterLimits): ParameterFault[] {
  const faults: ParameterFault[] = [];
  type Field = keyof SamplingParameters;
  const check = (field: Field, holds: boolean, expected: string) => {
    if (!holds) faults.push({ field, message: `must be ${expected}, not ${show(parameters[field])}` });
  };
  const whole = (field: Field, least: number, most: number, why = "") => {
    const range = least === most ? least : `a whole number from ${least} to ${most}`;
    check(field, isWhole(parameters[field], least, most), `${range}${why}`);
  };
  const real = (field: Field, least: number, most: number) =>
    check(field, isReal(parameters[field], least, most), `a number from ${least} to ${most}`);
  const oneOf = (field: Field, words: readonly string[]) => {
    const quoted = words.map((word) => `"${word}"`);
    const expected = quoted.length === 1 ? quoted[0]! : `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`;
    check(
      field,
      words.some((word) => word === parameters[field]),
      expected,
    );
  };

  const { token_count, class_count } = model.generator;
  const family = familyName(model.generator);
  const { required, steps, samplers } = FAMILY_TRAITS[family];
  const { minimum, maximum } = stepBounds(model);
  const checks: Readonly<Record<keyof DefaultParameters, () => void>> = {
    steps: () => whole("steps", minimum, maximum, steps.maximum === "tokens" ? " (the model's tokens)" : ""),
    guidance_scale: () => real("guidance_scale", 1, 20),
    guidance_steps: () => whole("guidance_steps", 0, token_count, " (the model's tokens)"),
    guidance_schedule: () => oneOf("guidance_schedule", ["linear", "constant"]),
    temperature: () => real("temperature", 0, 2),
    top_k: () => whole("top_k", 0, MAX_CODES),
    top_p: () => check("top_p", isReal(parameters.top_p, 0, 1) && parameters.top_p !== 0, "more than 0 and at most 1"),
    diffusion_steps: () => whole("diffusion_steps", 2, 1000),
    diffusion_steps_final: () => whole("diffusion_steps_final", 2, 1000),
    max_timestep: () => whole("max_timestep", 1, 999),
    order: () => oneOf("order", ordersOf(model)),
    confidence_noise: () => real("confidence_noise", 0, 100),
    reconstruction_steps: () => whole("reconstruction_steps", 0, token_count),
    sampler: () => oneOf("sampler", samplers),
    decoder: () => oneOf("decoder", ["consistency", "tokenizer"]),
  };
  const lastClass = class_count - 1;
  const isClass = parameters.class === null || isWhole(parameters.class, 0, lastClass);
  check("class", isClass, `a class index from 0 to ${lastClass}, or null for none`);
  const names = parameterNames(model);
  const needed: readonly string[] = [
    ...required,
    ...(model.generator.head_kind === "diffusion" ? DIFFUSION_REQUIRED : []),
  ];
  for (const field of names) if (parameters[field] !== undefined || needed.includes(field)) checks[field]();
  const has: readonly string[] = ["class", ...names];
  for (const field of Object.keys(parameters) as Field[]) {
    if (parameters[field] === undefined || has.includes(field)) continue;
    const others = `this model, of the family ${family}, has ${has.join(", ")}`;
    const why = field === "decoder" ? "the model has only its tokenizer's decoder" : others;
    faults.push({ field, message: `must be absent: ${why}` });
  }
  return faults;
}

/** The orders in which a model's tokens can be sampled. A causal one has learned one order, or all. */
export function ordersOf({ generator }: ParameterLimits): readonly string[] {
  const isCausal = familyName(generator) === "causal";
  if (isCausal && generator.order !== "random") return ["raster"];
  const isConfident = !isCausal && generator.head_kind === "categorical";
  return ["random", "raster", "checkerboard", ...(isConfident ? ["confidence"] : [])];
}

/** The same for one image of a job: its seed and its index too. */
export function checkImageRequest(image: ImageRequest, model: ParameterLimits): ParameterFault[] {
  const faults = checkParameters(image.parameters, model);
  if (!isWhole(image.seed, 0, MAX_SEED))
    faults.push({ field: "seed", message: `must be a whole number from 0 to ${MAX_SEED}, not ${show(image.seed)}` });
  if (!isWhole(image.imageIndex, 0, MAX_IMAGE_INDEX))
    faults.push({
      field: "image_index",
      message: `must be a whole number from 0 to ${MAX_IMAGE_INDEX}, not ${show(image.imageIndex)}`,
    });
  return faults;
}

const isWhole = (value: unknown, least: number, most: number): boolean =>
  Number.isInteger(value) && isReal(value, least, most);

const isReal = (value: unknown, least: number, most: number): boolean =>
  typeof value === "number" && value >= least && value <= most;

/** A value as a person would write it, cut short: it may be anything a client sent. */
function show(value: unknown): string {
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? "absent");
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
