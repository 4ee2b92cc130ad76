import { GenerateRequest } from "../../job.js";
import { fieldErrors, showValue } from "../../validation/field-errors.js";
import { readArguments, UsageError } from "../command-line.js";
import { optionName, readNumber, wholeNumbers } from "../evaluation/sampling-options.js";

/** A parameter that a sweep varies, and the values it takes. */
export interface Variation {
  readonly field: VariedField;
  readonly values: readonly (number | string)[];
}

/** What `marimba sweep` was asked for. */
export interface SweepOptions {
  readonly out: string;
  /** Empty: the default model. */
  readonly models: readonly string[];
  readonly num: number;
  readonly seed: number;
  /** The preset that the variations start from. */
  readonly base: string | undefined;
  readonly presets: readonly string[] | undefined;
  readonly variations: readonly Variation[];
  /** Each is combined with every guidance scale; linear alone if none is given. */
  readonly guidanceSchedules: readonly string[];
  readonly features: string | undefined;
  readonly reference: string | undefined;
  readonly resamples: number;
  /** How often one full batch of every point is timed. */
  readonly rounds: number;
}

export const VARIED_FIELDS = ["steps", "diffusion_steps", "guidance_scale", "temperature"] as const;
export type VariedField = (typeof VARIED_FIELDS)[number];

export const SWEEP_USAGE = `marimba sweep: quality and time of models over their sampling parameters

  marimba sweep --out DIR --num 5000 --steps 8,16,32,64 --temperature 0.8,0.9,1

  --out DIR                    write results.jsonl, table.md, tradeoff.svg and sweeps.svg here; a stopped sweep continues
  --num N                      images a point, classes in turn (default: 1000)
  --seed N                     image i of every point is image i of this seed (default: 0)
  --model NAME                 default: the default model
  --models A,B                 several models, each in a folder of its name in DIR, and models.svg with all of them over
                               --steps. Values that a model can't take are left out. --features and --reference are
                               for all, by default the first model's
  --base PRESET                the sweeps vary one parameter of this preset at a time (default: the model's default preset,
                               or its default parameters if it has none)
  --presets A,B                presets to measure (default: all of the model's); times are relative to the first
  --steps LIST                 autoregressive steps; of a DiT or SiT, diffusion steps
  --diffusion-steps LIST       the same number in every autoregressive step
  --guidance-scale LIST        each with every --guidance-schedule
  --guidance-schedule LIST     linear, constant or both (default: linear)
  --temperature LIST
  --features FILE, --reference PATH, --bootstrap N   as for marimba evaluate
  --rounds N                   time one full batch of every point N times, and take the median (default: 3; 0 for no times)

A point's images are removed once it is measured. MODELS_DIR, THREADS and MAX_BATCH are read from the environment, as for
marimba serve.
`;

const text = { type: "string" } as const;
const OPTIONS = {
  out: text,
  num: text,
  seed: text,
  model: text,
  models: text,
  base: text,
  presets: text,
  ...Object.fromEntries(VARIED_FIELDS.map((field) => [optionName(field), text])),
  "guidance-schedule": text,
  features: text,
  reference: text,
  bootstrap: text,
  rounds: text,
} as const;

/** More could not be read off a chart. */
const MOST_VALUES = 32;

/** Throws `UsageError` that names every wrong option. */
export function readSweepOptions(argv: string[]): SweepOptions {
  const values = readArguments({ args: argv, options: OPTIONS }).values as Record<string, string | undefined>;
  const problems: string[] = [];
  const whole = wholeNumbers(values, problems);
  const list = (name: string): string[] | undefined => {
    const items = values[name]?.split(",").map((item) => item.trim());
    if (items && (items.length > MOST_VALUES || new Set(items).size < items.length || items.includes("")))
      problems.push(
        `--${name} must be at most ${MOST_VALUES} values with commas between, each once, not ${showValue(values[name])}`,
      );
    return items;
  };
  const check = (field: string, value: unknown) => {
    for (const { message } of fieldErrors(GenerateRequest, { class: null, [field]: value }))
      problems.push(`--${optionName(field)} ${message}`);
  };
  const variations = VARIED_FIELDS.flatMap((field): Variation[] => {
    const items = list(optionName(field))?.map(readNumber);
    for (const item of items ?? []) check(field, item);
    return items ? [{ field, values: items }] : [];
  });
  const guidanceSchedules = list("guidance-schedule") ?? ["linear"];
  for (const schedule of guidanceSchedules) check("guidance_schedule", schedule);
  if (values["guidance-schedule"] !== undefined && values["guidance-scale"] === undefined)
    problems.push("--guidance-schedule needs --guidance-scale");
  const models = list("models");
  if (models && values.model !== undefined) problems.push("--model and --models exclude each other");
  if (models && values.steps === undefined) problems.push("--models needs --steps, over which the chart shows them");
  if (!values.out) problems.push("--out is required: the folder for the results");
  const options: SweepOptions = {
    out: values.out ?? "",
    models: models ?? (values.model === undefined ? [] : [values.model]),
    num: whole("num", 1000, 12, 2 ** 21),
    seed: whole("seed", 0, 0, Number.MAX_SAFE_INTEGER),
    base: values.base,
    presets: list("presets"),
    variations,
    guidanceSchedules,
    features: values.features,
    reference: values.reference,
    resamples: whole("bootstrap", 200, 0, 100_000),
    rounds: whole("rounds", 3, 0, 1000),
  };
  if (problems.length > 0) throw new UsageError(problems.map((problem) => `${problem}.`).join("\n"));
  return options;
}
