import type { ParseArgsConfig } from "node:util";
import { GenerateRequest } from "../job.js";
import { fieldErrors, showValue } from "../validation/field-errors.js";
import { readArguments } from "./arguments.js";
import { UsageError } from "./command-line.js";
import {
  optionName,
  readNumber,
  readSampling,
  SAMPLING_OPTIONS,
  SAMPLING_USAGE,
} from "./evaluation/sampling-options.js";

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
${SAMPLING_USAGE}
Models are found in MODELS_DIR; THREADS and MAX_BATCH hold here too.
`;

const MAX_GRID_SIDE = 32;

const text = { type: "string" } as const;
const OPTIONS: ParseArgsConfig["options"] = {
  ...SAMPLING_OPTIONS,
  class: text,
  seed: text,
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
  return {
    ...(numImages !== undefined && { num_images: numImages }),
    ...(values.class !== undefined && { class: readClass(values.class) }),
    ...(values.seed !== undefined && { seed: readNumber(values.seed) }),
    ...readSampling(values),
  };
}

function readClass(word: string): string | number | null {
  if (word === "null") return null;
  return /^-?\d+$/.test(word) ? Number(word) : word;
}

/** Null: not understood. */
function readGrid(size: string): Grid | null {
  const [, columns = 0, rows = 0] = /^(\d{1,2})x(\d{1,2})$/.exec(size)?.map(Number) ?? [];
  const fits = Math.min(columns, rows) >= 1 && Math.max(columns, rows) <= MAX_GRID_SIDE;
  return fits ? { columns, rows } : null;
}
