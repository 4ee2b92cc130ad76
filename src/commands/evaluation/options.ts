import { GenerateRequest } from "../../job.js";
import { fieldErrors } from "../../validation/field-errors.js";
import { readArguments } from "../arguments.js";
import { UsageError } from "../command-line.js";
import { optionName, readSampling, SAMPLING_OPTIONS, SAMPLING_USAGE, wholeNumbers } from "./sampling-options.js";

/** What `marimba evaluate` was asked for. */
export interface EvaluateOptions {
  /** Without `class`: the classes take turns. */
  readonly request: Omit<GenerateRequest, "class">;
  /** Where pictures, features and result go. */
  readonly out: string | undefined;
  /** Pictures to make, or to take of `pictures`: all of them where it is absent. */
  readonly num: number | undefined;
  readonly seed: number;
  /** Pictures that are there already, instead of the model's. */
  readonly pictures: string | undefined;
  readonly features: string | undefined;
  readonly reference: string | undefined;
  readonly writeReference: string | undefined;
  /** Another evaluation's folder. */
  readonly compare: string | undefined;
  readonly npz: boolean;
  readonly resamples: number;
  /** Classes that take turns in `pictures`, which intervals heed. */
  readonly classes: number | undefined;
  readonly neighbours: number;
  readonly manifoldPictures: number;
}

export const EVALUATE_USAGE = `marimba evaluate: measures pictures against a reference: Fréchet distance, Inception Score, precision, recall

  marimba evaluate --out DIR --num 50000 --preset exact
  marimba evaluate --pictures DIR

  --out DIR                  pictures/, features.npz, settings.json and result.json go here; what is there is not made again
  --num N                    pictures to make, classes in turn (default: 5000); with --pictures, the first N of them (default: all)
  --seed N                   picture i is image i of this seed (default: 0)
  --pictures PATH            a folder of pictures or an .npz (arr_0: uint8 [N, H, W, 3]) to measure instead
  --features FILE            ONNX network: one input [N, 3, H, W], float32 in [-1, 1] or uint8; outputs features [N, D] and,
                             for the Inception Score, logits [N, K] (default: classifier.onnx in the model's folder)
  --reference PATH           statistics (.npz with mu and sigma, with features for precision and recall), or pictures
                             (default: reference.npz in the model's folder)
  --compare DIR              another evaluation of as many pictures: how much larger the Fréchet distance is than there
  --npz                      write DIR/pictures.npz, as ADM's evaluator reads it
  --write-reference FILE     write the statistics of these pictures, and measure nothing
  --bootstrap N              resamples of the intervals (default: 200; 0 for none)
  --classes N                with --pictures: N classes take turns in them, as intervals should heed (default: 1)
  --neighbours K             of precision and recall (default: 3)
  --manifold N               first pictures of each side that precision and recall look at (default: 10000; 0 for neither)

How pictures are sampled, as for marimba sample:

${SAMPLING_USAGE}
Models are found in MODELS_DIR; THREADS and MAX_BATCH hold here too.
`;

const text = { type: "string" } as const;
const OPTIONS = {
  ...SAMPLING_OPTIONS,
  out: text,
  num: text,
  seed: text,
  pictures: text,
  features: text,
  reference: text,
  "write-reference": text,
  compare: text,
  npz: { type: "boolean" },
  bootstrap: text,
  classes: text,
  neighbours: text,
  manifold: text,
  help: { type: "boolean" },
} as const;

/** Picture i is image i of the seed: as many as a seed has images. */
export const MOST_PICTURES = 2 ** 21;

/** What says how pictures are made; the model also says what measures them. */
const MAKING = [...Object.keys(SAMPLING_OPTIONS).filter((name) => name !== "model"), "seed"];
const MEASURING = ["reference", "compare", "bootstrap", "classes", "neighbours", "manifold"];

/** Undefined when help was asked for. Throws `UsageError` that names each option at fault. */
export function readEvaluateOptions(argv: string[]): EvaluateOptions | undefined {
  const values = readArguments({ args: argv, options: OPTIONS }).values as Record<string, string | undefined>;
  if (values.help) return undefined;
  const problems: string[] = [];
  const whole = wholeNumbers(values, problems);
  const request = readSampling(values);
  for (const { pointer, message } of fieldErrors(GenerateRequest, { class: null, ...request }))
    problems.push(`--${optionName(pointer.slice(1))} ${message}`);
  const { out, pictures, features, reference, compare, npz } = values;
  if (!out && !pictures) problems.push("--out is required: where the pictures and the result go");
  if (npz && !out) problems.push("--npz needs --out, where it goes");
  if (pictures) refuseIgnored(values, MAKING, "--pictures are there already", problems);
  if (values["write-reference"]) refuseIgnored(values, MEASURING, "--write-reference measures nothing", problems);
  const options: EvaluateOptions = {
    request,
    out,
    num: pictures && values.num === undefined ? undefined : whole("num", 5000, 2, MOST_PICTURES),
    seed: whole("seed", 0, 0, Number.MAX_SAFE_INTEGER),
    pictures,
    features,
    reference,
    writeReference: values["write-reference"],
    compare,
    npz: Boolean(npz),
    resamples: whole("bootstrap", 200, 0, 100_000),
    classes: values.classes === undefined ? undefined : whole("classes", 1, 1, MOST_PICTURES),
    neighbours: whole("neighbours", 3, 1, 100),
    manifoldPictures: whole("manifold", 10_000, 0, MOST_PICTURES),
  };
  if (values.manifold !== undefined || values.neighbours !== undefined) checkNeighbours(options, problems);
  if (problems.length > 0) throw new UsageError(problems.map((problem) => `${problem}.`).join("\n"));
  return options;
}

function refuseIgnored(values: object, ignored: readonly string[], reason: string, problems: string[]): void {
  const given = ignored.filter((name) => Object.hasOwn(values, name)).map((name) => `--${name}`);
  if (given.length > 0) problems.push(`${given.join(", ")} would change nothing, as ${reason}: leave them out`);
}

/** A picture's neighbours are others. */
function checkNeighbours({ neighbours, manifoldPictures, num }: EvaluateOptions, problems: string[]): void {
  if (manifoldPictures === 0) return;
  if (manifoldPictures <= neighbours)
    problems.push(`--manifold must be more than --neighbours (${neighbours}), or 0, not ${manifoldPictures}`);
  else if (num !== undefined && num <= neighbours)
    problems.push(`--neighbours must be less than the number of pictures (${num}), not ${neighbours}`);
}
