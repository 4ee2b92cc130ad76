import type { ParseArgsConfig } from "node:util";
import { exactNumber } from "../exact-number.js";
import { fieldErrors, showValue } from "../field-errors.js";
import { GenerateRequest } from "../job.js";
import { readArguments } from "./arguments.js";
import { UsageError } from "./user-error.js";

/** What `marimba sample` was asked for. */
export interface SampleOptions {
  readonly request: GenerateRequest;
  readonly out: string;
  /** One sheet of all images instead of a file for each. */
  readonly grid?: Grid;
}

export interface Grid {
  readonly columns: number;
  readonly rows: number;
}

export const SAMPLE_USAGE = `marimba sample: makes pictures from the terminal, byte for byte those of POST /generate

  marimba sample --class star --seed 7 --out star.png
  marimba sample --class star --grid 4x4 --out stars.png

  --class CLASS              class index, name or id; null for none (required)
  --out FILE                 the PNG to write; with --num, FILE-0.png, FILE-1.png and so on (required)
  --seed N                   0 to 2^53 - 1; drawn, and told, when absent
  --num N                    make N images, each in a file of its own
  --grid COLUMNSxROWS        make as many images and write them as one sheet
  --model NAME               the default model when absent
  --preset NAME              one of the model's presets; what follows overrides it
  --steps N                  autoregressive steps, 1 to the number of tokens
  --guidance-scale X         1 (none) to 20
  --guidance-schedule KIND   linear or constant
  --temperature X            0 to 2
  --diffusion-steps N        2 to 1000
  --diffusion-steps-final N  2 to 1000: what they fall to in the last autoregressive step
  --max-timestep N           1 to 999
  --order KIND               random, raster or checkerboard
  --reconstruction-steps N   autoregressive steps for the second half of the tokens; 0 for the cosine schedule

Models are found in MODELS_DIR; THREADS and MAX_BATCH hold here too.
`;

/** The request's fields that are numbers; their options are named alike, with dashes. */
const NUMBERS = [
  "seed",
  "steps",
  "guidance_scale",
  "temperature",
  "diffusion_steps",
  "diffusion_steps_final",
  "max_timestep",
  "reconstruction_steps",
];
const WORDS = ["class", "model", "preset", "guidance_schedule", "order"];
const MAX_GRID_SIDE = 32;

const text = { type: "string" } as const;
const OPTIONS: ParseArgsConfig["options"] = {
  ...Object.fromEntries([...NUMBERS, ...WORDS].map((field) => [optionName(field), text])),
  num: text,
  grid: text,
  out: text,
  help: { type: "boolean" },
};

/** Undefined when help was asked for. Throws `UsageError` that names each option at fault. */
export function readSampleOptions(argv: string[]): SampleOptions | undefined {
  const values = readArguments({ args: argv, options: OPTIONS }).values as Record<string, string | undefined>;
  if (values.help) return undefined;
  const { out, grid: gridText } = values;
  const problems = [];
  if (!out) problems.push("--out is required: the PNG to write");
  if (gridText !== undefined && values.num !== undefined) problems.push("--grid and --num exclude each other");
  const grid = gridText === undefined ? undefined : readGrid(gridText);
  if (grid === null)
    problems.push(`--grid must be COLUMNSxROWS such as 4x4, at most 32 each, not ${showValue(gridText)}`);

  const request = readRequest(values, grid ? grid.columns * grid.rows : values.num && readNumber(values.num));
  for (const { pointer, message } of fieldErrors(GenerateRequest, request)) {
    problems.push(`--${pointer === "/num_images" ? "num" : optionName(pointer.slice(1))} ${message}`);
  }
  if (problems.length > 0) throw new UsageError(problems.map((problem) => `${problem}.`).join("\n"));
  return { request: request as GenerateRequest, out: out!, ...(grid && { grid }) };
}

function readRequest(values: Readonly<Record<string, string | undefined>>, numImages: unknown) {
  const request: Record<string, unknown> = numImages === undefined ? {} : { num_images: numImages };
  for (const field of WORDS) {
    const word = values[optionName(field)];
    if (word !== undefined) request[field] = field === "class" ? readClass(word) : word;
  }
  for (const field of NUMBERS) {
    const number = values[optionName(field)];
    if (number !== undefined) request[field] = readNumber(number);
  }
  return request;
}

function readClass(word: string): string | number | null {
  if (word === "null") return null;
  return /^-?\d+$/.test(word) ? Number(word) : word;
}

/** What is no plain decimal number, or would be rounded to an integer, stays text, and fails its check by what was typed. */
function readNumber(number: string): number | string {
  return /^-?\d+(\.\d+)?$/.test(number) ? (exactNumber(number) ?? number) : number;
}

/** Null: not understood. */
function readGrid(size: string): Grid | null {
  const [, columns = 0, rows = 0] = /^(\d{1,2})x(\d{1,2})$/.exec(size)?.map(Number) ?? [];
  const fits = Math.min(columns, rows) >= 1 && Math.max(columns, rows) <= MAX_GRID_SIDE;
  return fits ? { columns, rows } : null;
}

function optionName(field: string): string {
  return field.replaceAll("_", "-");
}
