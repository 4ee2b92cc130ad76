import type { GeneratorArchitecture } from "./manifest.js";
import { type ImageRequest, MAX_SEED, type ParameterFault, type SamplingParameters } from "./parameters.js";
import { DRAW_BOUNDS } from "./sampler/philox.js";

type Limits = Pick<GeneratorArchitecture, "token_count" | "class_count">;

/** Largest image index that fits in the noise key. */
export const MAX_IMAGE_INDEX = DRAW_BOUNDS.imageIndex - 1;

/** Checks resolved parameters against a model, so that bad input never reaches its graphs. Empty: all is well. */
export function checkParameters(parameters: SamplingParameters, model: Limits): ParameterFault[] {
  const faults: ParameterFault[] = [];
  const check = (field: ParameterFault["field"], holds: boolean, expected: string, got: unknown) => {
    if (!holds) faults.push({ field, message: `must be ${expected}, not ${show(got)}` });
  };
  const whole = (field: ParameterFault["field"], value: unknown, least: number, most: number, why = "") =>
    check(field, isWhole(value, least, most), `a whole number from ${least} to ${most}${why}`, value);
  const real = (field: ParameterFault["field"], value: unknown, least: number, most: number) =>
    check(field, isReal(value, least, most), `a number from ${least} to ${most}`, value);

  const p = parameters;
  const lastClass = model.class_count - 1;
  check(
    "class",
    p.class === null || isWhole(p.class, 0, lastClass),
    `a class index from 0 to ${lastClass}, or null for none`,
    p.class,
  );
  whole("steps", p.steps, 1, model.token_count, " (the model's tokens)");
  real("guidance_scale", p.guidance_scale, 1, 20);
  check(
    "guidance_schedule",
    p.guidance_schedule === "linear" || p.guidance_schedule === "constant",
    '"linear" or "constant"',
    p.guidance_schedule,
  );
  real("temperature", p.temperature, 0, 2);
  whole("diffusion_steps", p.diffusion_steps, 2, 1000);
  if (p.diffusion_steps_final !== undefined) whole("diffusion_steps_final", p.diffusion_steps_final, 2, 1000);
  whole("max_timestep", p.max_timestep, 1, 999);
  check(
    "order",
    p.order === "random" || p.order === "raster" || p.order === "checkerboard",
    '"random", "raster" or "checkerboard"',
    p.order,
  );
  if (p.reconstruction_steps !== undefined) whole("reconstruction_steps", p.reconstruction_steps, 0, model.token_count);
  return faults;
}

/** The same for one image of a job: its seed and its index too. */
export function checkImageRequest(image: ImageRequest, model: Limits): ParameterFault[] {
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
