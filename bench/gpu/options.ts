import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readArguments } from "../../src/commands/command-line.js";
import { whole } from "../command.js";
import { asProcessor, asSide, type Processor, type Side, USUAL_SIDES } from "../reference/options.js";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const MODELS = ["mar-b", "mar-l", "tiny"] as const;
export type Model = (typeof MODELS)[number];

const USAGE = `bench/gpu/run.sh: what Marimba does on this GPU, and what the authors' PyTorch code does on it

  bench/gpu/run.sh [options]

  Checks parity without TF32, measures how far float16 deviates, and times both on models of the published sizes with random
  weights, in turn. Writes results.json and results.md. Started again on the same machine, it adds only what is missing.

  --quick              mar-b and then mar-l, batches 1 and 64, one round, every 16th step; is meant to take at most ten
                       minutes, not yet run on a GPU
  --out DIR            results, models and earlier runs (default: bench/.work/gpu)
  --models A,B         of ${MODELS.join(", ")} (default: mar-b,mar-l)
  --batches N,N        (default: 1,16,64,256)
  --rounds N           runs of each side, in turn (default: 3)
  --every K            compute only every K-th autoregressive step, and multiply (default: 8)
  --sides A,B          see npm run bench:reference -- --help (default: ${USUAL_SIDES.cuda.join(",")})
  --minutes N          begin no run that would end later, judged by the longest so far, and end one half a minute later
                       (default: no limit)
  --provider P         cuda, or cpu to try the script without a GPU (default: cuda)
  --steps N, --diffusion-steps N   (default: 64, 100)
  --official DIR       a checkout of github.com/LTH14/mar (default: what pack.sh packed)
  --python FILE        a Python with PyTorch (default: python3); without it, PyTorch's sides are left out
  --help               print this

On a machine without network, unpack what bench/gpu/pack.sh packed: run.sh does it by itself, beside the packed parts.
`;

export interface GpuOptions {
  readonly out: string;
  readonly models: readonly Model[];
  readonly batches: readonly number[];
  readonly rounds: number;
  readonly every: number;
  readonly sides: readonly Side[];
  readonly minutes: number | undefined;
  readonly provider: Processor;
  readonly steps: number;
  readonly diffusionSteps: number;
  readonly official: string;
  /** Of the packed folder: Python packages, and NVIDIA's libraries. */
  readonly packages: string;
  readonly cudaLibraries: string;
  readonly python: string;
}

/** Undefined if it has printed the help. Throws if an option is wrong. */
export function readGpuOptions(argv: string[]): GpuOptions | undefined {
  const text = { type: "string" } as const;
  const { values } = readArguments({
    args: argv,
    options: {
      quick: { type: "boolean", default: false },
      ...{ out: text, models: text, batches: text, rounds: text, every: text, sides: text, minutes: text },
      ...{ provider: text, steps: text, "diffusion-steps": text, official: text, python: text },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return undefined;
  }
  const { quick } = values;
  const number = (name: "rounds" | "every" | "minutes" | "steps" | "diffusion-steps", usual: number) =>
    whole(name, values[name] ?? String(usual));
  const kit = resolve(ROOT, "..");
  return {
    out: resolve(values.out ?? join(ROOT, "bench/.work/gpu")),
    models: (values.models ?? "mar-b,mar-l").split(",").map(asModel),
    batches: (values.batches ?? (quick ? "1,64" : "1,16,64,256")).split(",").map((batch) => whole("batches", batch)),
    rounds: number("rounds", quick ? 1 : 3),
    every: number("every", quick ? 16 : 8),
    sides: values.sides?.split(",").map(asSide) ?? USUAL_SIDES.cuda,
    minutes: values.minutes === undefined && !quick ? undefined : number("minutes", 9),
    provider: asProcessor(values.provider ?? "cuda"),
    steps: number("steps", 64),
    diffusionSteps: number("diffusion-steps", 100),
    official: resolve(values.official ?? join(kit, "official")),
    packages: join(kit, "python"),
    cudaLibraries: join(kit, "cuda"),
    python: values.python ?? "python3",
  };
}

function asModel(text: string): Model {
  const model = MODELS.find((name) => name === text);
  if (!model) throw new Error(`--models: ${JSON.stringify(text)} is not one of ${MODELS.join(", ")}.`);
  return model;
}
