import { GenerateRequest } from "../../job.js";
import { fieldErrors } from "../../validation/field-errors.js";
import { readArguments, UsageError } from "../command-line.js";
import { optionName, readSampling, SAMPLING_OPTIONS, SAMPLING_USAGE, wholeNumbers } from "./sampling-options.js";

/** What `marimba evaluate` was asked for. */
export interface EvaluateOptions {
  /** Without `class`: the classes take turns. */
  readonly request: Omit<GenerateRequest, "class">;
  /** The folder of images, features and result. */
  readonly out: string | undefined;
  /** Images to generate, or to read from `images`: all if absent. */
  readonly num: number | undefined;
  readonly seed: number;
  /** Existing images, instead of the model's. */
  readonly images: string | undefined;
  readonly features: string | undefined;
  readonly reference: string | undefined;
  readonly writeReference: string | undefined;
  /** Another evaluation's folder. */
  readonly compare: string | undefined;
  readonly npz: boolean;
  readonly resamples: number;
  /** How many classes take turns in `images`, for the intervals. */
  readonly classes: number | undefined;
  readonly neighbours: number;
  readonly manifoldImages: number;
}

export const EVALUATE_USAGE = `marimba evaluate: measures images against a reference: Fréchet distance, Inception Score, precision, recall

  marimba evaluate --out DIR --num 50000 --preset exact
  marimba evaluate --images DIR

  --out DIR                  write images/, features.npz, settings.json and result.json here; images already here are kept
  --num N                    images to generate, classes in turn (default: 5000); with --images, how many to use (default: all)
  --seed N                   image i is image i of this seed (default: 0)
  --images PATH              measure these instead: a folder of images, or of subfolders with images, or an .npz (arr_0: uint8
                             [N, H, W, 3])
  --features FILE            ONNX network: one input [N, 3, H, W], float32 in [-1, 1] or uint8; outputs features [N, D] and,
                             for the Inception Score, logits [N, K] (default: classifier.onnx in the model's folder)
  --reference PATH           statistics (.npz with mu and sigma, and features for precision and recall), or images
                             (default: reference.npz in the model's folder)
  --compare DIR              another evaluation of as many images: print the difference of the Fréchet distances
  --npz                      also write DIR/images.npz, as ADM's evaluator reads it
  --write-reference FILE     write the statistics of these images, and measure nothing
  --bootstrap N              resamples for the intervals (default: 200; 0 for no intervals)
  --classes N                with --images: N classes take turns in them, for the intervals (default: 1)
  --neighbours K             k of precision and recall (default: 3)
  --manifold N               images of each set that precision and recall use (default: 10000; 0 to leave them out)

How images are sampled, as for marimba sample:

${SAMPLING_USAGE}
MODELS_DIR, THREADS and MAX_BATCH are read from the environment, as for marimba serve.
`;

const text = { type: "string" } as const;
const OPTIONS = {
  ...SAMPLING_OPTIONS,
  out: text,
  num: text,
  seed: text,
  images: text,
  features: text,
  reference: text,
  "write-reference": text,
  compare: text,
  npz: { type: "boolean" },
  bootstrap: text,
  classes: text,
  neighbours: text,
  manifold: text,
} as const;

/** As many as one seed has images. */
export const MOST_IMAGES = 2 ** 21;

/** Options that say how images are generated; --model also says what measures them. */
const MAKING = [...Object.keys(SAMPLING_OPTIONS).filter((name) => name !== "model"), "seed"];
const MEASURING = ["reference", "compare", "bootstrap", "classes", "neighbours", "manifold"];

/** Throws `UsageError` that names every wrong option. */
export function readEvaluateOptions(argv: string[]): EvaluateOptions {
  const values = readArguments({ args: argv, options: OPTIONS }).values as Record<string, string | undefined>;
  const problems: string[] = [];
  const whole = wholeNumbers(values, problems);
  const request = readSampling(values);
  for (const { pointer, message } of fieldErrors(GenerateRequest, { class: null, ...request }))
    problems.push(`--${optionName(pointer.slice(1))} ${message}`);
  const { out, images, features, reference, compare, npz } = values;
  if (!out && !images) problems.push("--out is required: the folder for the images and the result");
  if (npz && !out) problems.push("--npz needs --out, the folder it is written to");
  if (images) refuseIgnored(values, MAKING, "--images names images that already exist", problems);
  if (values["write-reference"]) refuseIgnored(values, MEASURING, "--write-reference measures nothing", problems);
  const options: EvaluateOptions = {
    request,
    out,
    num: images && values.num === undefined ? undefined : whole("num", 5000, 2, MOST_IMAGES),
    seed: whole("seed", 0, 0, Number.MAX_SAFE_INTEGER),
    images,
    features,
    reference,
    writeReference: values["write-reference"],
    compare,
    npz: Boolean(npz),
    resamples: whole("bootstrap", 200, 0, 100_000),
    classes: values.classes === undefined ? undefined : whole("classes", 1, 1, MOST_IMAGES),
    neighbours: whole("neighbours", 3, 1, 100),
    manifoldImages: whole("manifold", 10_000, 0, MOST_IMAGES),
  };
  if (values.manifold !== undefined || values.neighbours !== undefined) checkNeighbours(options, problems);
  if (problems.length > 0) throw new UsageError(problems.map((problem) => `${problem}.`).join("\n"));
  return options;
}

function refuseIgnored(values: object, ignored: readonly string[], reason: string, problems: string[]): void {
  const given = ignored.filter((name) => Object.hasOwn(values, name)).map((name) => `--${name}`);
  if (given.length > 0) problems.push(`${given.join(", ")} would have no effect, since ${reason}: leave them out`);
}

/** An image is not its own neighbour. */
function checkNeighbours({ neighbours, manifoldImages, num }: EvaluateOptions, problems: string[]): void {
  if (manifoldImages === 0) return;
  if (manifoldImages <= neighbours)
    problems.push(`--manifold must be more than --neighbours (${neighbours}), or 0, not ${manifoldImages}`);
  else if (num !== undefined && num <= neighbours)
    problems.push(`--neighbours must be less than the number of images (${num}), not ${neighbours}`);
}
