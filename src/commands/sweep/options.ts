import { GenerateRequest } from "../../job.js";
import { fieldErrors, showValue } from "../../validation/field-errors.js";
import { readArguments } from "../arguments.js";
import { UsageError } from "../command-line.js";
import { optionName, readNumber, wholeNumbers } from "../evaluation/sampling-options.js";

/** A parameter that a sweep varies, and the values it takes. */
export interface Variation {
  readonly field: VariedField;
  readonly values: readonly (number | string)[];
}

/** What `marimba sweep` was asked for. */
export interface SweepOptions {
  readonly out: string;
  readonly model: string | undefined;
  readonly num: number;
  readonly seed: number;
  /** The preset that the others vary, and whose time is 1. */
  readonly base: string | undefined;
  readonly presets: readonly string[] | undefined;
  readonly variations: readonly Variation[];
  /** With each guidance scale; linear alone where it is absent. */
  readonly guidanceSchedules: readonly string[];
  readonly features: string | undefined;
  readonly reference: string | undefined;
  readonly resamples: number;
  /** Of one full batch of each point, for its time. */
  readonly rounds: number;
}

export const VARIED_FIELDS = ["steps", "diffusion_steps", "guidance_scale", "temperature"] as const;
export type VariedField = (typeof VARIED_FIELDS)[number];

export const SWEEP_USAGE = `marimba sweep: quality and time of a model over its sampling parameters

  marimba sweep --out DIR --num 5000 --steps 8,16,32,64 --temperature 0.8,0.9,1

  --out DIR                    results.jsonl, table.md, tradeoff.svg and sweeps.svg go here; what is there is not done again
  --num N                      pictures a point, classes in turn (default: 1000)
  --seed N                     picture i of every point is image i of this seed (default: 0)
  --model NAME                 the default model when absent
  --base PRESET                what the sweeps vary, one parameter at a time (default: the model's default preset,
                               or its default parameters where it has none)
  --presets A,B                points of their own (default: all of the model's; the first one's time is 1)
  --steps LIST                 autoregressive steps
  --diffusion-steps LIST       the same in every autoregressive step
  --guidance-scale LIST        with each of --guidance-schedule
  --guidance-schedule LIST     linear, constant or both (default: linear)
  --temperature LIST
  --features FILE, --reference PATH, --bootstrap N   as for marimba evaluate
  --rounds N                   one full batch of every point in turn, N times: its processor time is the median (default: 3; 0 for none)

Pictures of points that were measured are removed. Models are found in MODELS_DIR; THREADS and MAX_BATCH hold here too.
`;

const text = { type: "string" } as const;
const OPTIONS = {
  out: text,
  num: text,
  seed: text,
  model: text,
  base: text,
  presets: text,
  ...Object.fromEntries(VARIED_FIELDS.map((field) => [optionName(field), text])),
  "guidance-schedule": text,
  features: text,
  reference: text,
  bootstrap: text,
  rounds: text,
  help: { type: "boolean" },
} as const;

/** More values than one can read off a chart. */
const MOST_VALUES = 32;

/** Undefined when help was asked for. Throws `UsageError` that names each option at fault. */
export function readSweepOptions(argv: string[]): SweepOptions | undefined {
  const values = readArguments({ args: argv, options: OPTIONS }).values as Record<string, string | undefined>;
  if (values.help) return undefined;
  const problems: string[] = [];
  const whole = wholeNumbers(values, problems);
  const list = (name: string): string[] | undefined => {
    const items = values[name]?.split(",").map((item) => item.trim());
    if (items && (items.length > MOST_VALUES || new Set(items).size < items.length || items.includes("")))
      problems.push(
        `--${name} must be at most ${MOST_VALUES} different values with commas between, not ${showValue(values[name])}`,
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
    problems.push("--guidance-schedule needs --guidance-scale, with whose values it is measured");
  if (!values.out) problems.push("--out is required: where the results go");
  const options: SweepOptions = {
    out: values.out ?? "",
    model: values.model,
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
