import type { ParseArgsConfig } from "node:util";
import { exactNumber } from "../../validation/exact-number.js";
import { showValue } from "../../validation/field-errors.js";

/** The options of `marimba sample` and `marimba evaluate` that say how images are sampled: the request's fields, with dashes. */

export const SAMPLING_USAGE = `\
  --model NAME               default: the default model
  --preset NAME              one of the model's presets; the options below override it
  --steps N                  MAR: autoregressive steps, 1 to the number of tokens; DiT, SiT: diffusion steps, 2 to 1000;
                             causal models: one for each token
  --guidance-scale X         1 (no guidance) to 20
  --guidance-schedule KIND   linear or constant
  --guidance-steps N         causal models: how many steps have guidance, from the first on
  --temperature X            0 to 2
  --top-k N                  models that draw codes: from the N likeliest; 0 for all
  --top-p X                  models that draw codes: from the likeliest with this probability together; 1 for all
  --diffusion-steps N        2 to 1000
  --diffusion-steps-final N  2 to 1000: their number in the last autoregressive step
  --max-timestep N           1 to 999
  --order KIND               random, raster, checkerboard or, of a MAR that draws codes, confidence
  --confidence-noise X       0 to 100: Gumbel noise of the order confidence
  --reconstruction-steps N   autoregressive steps for the second half of the tokens; 0 for the cosine schedule
  --sampler KIND             DiT: ddpm or ddim; SiT: euler, heun or sde; both have only this, --steps and --guidance-scale
  --decoder KIND             consistency or tokenizer, in a model that has both decoders
`;

const WORDS = ["model", "preset", "guidance_schedule", "order", "sampler", "decoder"] as const;
const NUMBERS = [
  "steps",
  "guidance_scale",
  "guidance_steps",
  "temperature",
  "top_k",
  "top_p",
  "diffusion_steps",
  "diffusion_steps_final",
  "max_timestep",
  "reconstruction_steps",
  "confidence_noise",
] as const;

export const SAMPLING_OPTIONS: NonNullable<ParseArgsConfig["options"]> = Object.fromEntries(
  [...WORDS, ...NUMBERS].map((field) => [optionName(field), { type: "string" }]),
);

/** The given fields, still to be checked against the request's schema. */
export function readSampling(values: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  const request: Record<string, unknown> = {};
  for (const field of WORDS) {
    const word = values[optionName(field)];
    if (word !== undefined) request[field] = word;
  }
  for (const field of NUMBERS) {
    const number = values[optionName(field)];
    if (number !== undefined) request[field] = readNumber(number);
  }
  return request;
}

/** Text that is not a plain decimal number, or would be rounded, stays text, so that its check fails with what was typed. */
export function readNumber(number: string): number | string {
  return /^-?\d+(\.\d+)?$/.test(number) ? (exactNumber(number) ?? number) : number;
}

export function optionName(field: string): string {
  return field.replaceAll("_", "-");
}

/** Reads options that are whole numbers; adds to `problems` what a wrong one must be. */
export function wholeNumbers(values: Readonly<Record<string, string | undefined>>, problems: string[]) {
  return (name: string, fallback: number, least: number, most: number): number => {
    const value = values[name] === undefined ? fallback : readNumber(values[name]);
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
    problems.push(`--${name} must be a whole number from ${least} to ${most}, not ${showValue(values[name])}`);
    return fallback;
  };
}
