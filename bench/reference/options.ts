import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readArguments, UsageError } from "../../src/commands/command-line.js";
import { whole } from "../command.js";
import { MOST_THREADS } from "../profile/peaks.js";

/**
 * The sides, in the order of their turns: whose code, in which precision, and a preset, or what peers.py makes faster before:
 * by PyTorch's compiler, and with the head that a good engineer would write.
 */
export const SIDES = [
  "pytorch-fp32",
  "pytorch-tf32",
  "marimba-fp32",
  "pytorch-bf16",
  "pytorch-bf16-compiled",
  "pytorch-bf16-tuned",
  "pytorch-int8-compiled",
  "pytorch-int8-tuned",
  "openvino-bf16",
  "openvino-int8",
  "marimba-int8",
  "marimba-int8-balanced",
  "marimba-int8-fast",
  "marimba-fp16",
  "marimba-fp16-balanced",
  "marimba-fp16-fast",
] as const;
export type Side = (typeof SIDES)[number];

/** The sides that are measured on a processor unless others are chosen. */
export const USUAL_SIDES = {
  cpu: ["pytorch-fp32", "marimba-fp32", "pytorch-bf16", "marimba-int8", "marimba-int8-balanced", "marimba-int8-fast"],
  cuda: [
    "pytorch-tf32",
    "pytorch-bf16",
    "pytorch-bf16-compiled",
    "pytorch-bf16-tuned",
    "marimba-fp16",
    "marimba-fp16-balanced",
  ],
} satisfies Record<string, readonly Side[]>;
export type Processor = keyof typeof USUAL_SIDES;

const sidesOf = (whose: string) => SIDES.filter((side) => side.startsWith(whose)).join(", ");

const USAGE = `npm run bench:reference: Marimba compared with the authors' PyTorch code, on the same checkpoint and machine

  npm run bench:reference -- --official DIR --generator FILE --tokenizer FILE [options]

  --official DIR      a checkout of github.com/LTH14/mar
  --generator FILE    checkpoint-last.pth of MAR-B, L or H, published or made by bench/checkpoint/make.py
  --tokenizer FILE    kl16.ckpt
  --arch FILE         config.json of a generator that has none of the published sizes
  --provider P        what both sides run on: cpu or cuda (default: cpu)
  --python FILE       a Python with torch, torchvision, timm 0.9.12, scipy and tqdm (default: python3); compiled sides also
                      need a C++ compiler, in int8 also torchao, OpenVINO's openvino, and in int8 nncf
  --every K           on both sides compute only every K-th autoregressive step, and multiply (default: 1, whole images)
  --batches 1,8       images at once (default: 1,8)
  --rounds N          runs of each side, in turn (default: 1)
  --sides A,B         of ${sidesOf("pytorch")},
                      ${sidesOf("openvino")},
                      ${sidesOf("marimba")}
                      (default on a CPU: ${USUAL_SIDES.cpu.join(", ")})
  --runs N            at most N of the missing runs, then print (default: all)
  --steps N           autoregressive steps (default: 64)
  --diffusion-steps N (default: 100)
  --guidance G        linear (default: 2.9)
  --threads N         on both sides (default: 2)
  --work DIR          imported models and earlier runs (default: bench/.work/reference)
  --quick             --every 16 --batches 1: takes a few minutes, to see that it works
  --help              print this

Runs are kept: started again, it adds only the missing ones. A whole image of MAR-B takes PyTorch one to three minutes on
two cores, and a batch of eight many times that; --every 8 comes close to it.
On a CPU with a C compiler (cc), its peaks are measured, and the tables show each side's share of them.
`;

export interface ReferenceOptions {
  readonly provider: Processor;
  readonly arch?: string | undefined;
  /** A folder of Python packages, used where Python has none of its own. */
  readonly packages?: string | undefined;
  /** LD_LIBRARY_PATH for Marimba. */
  readonly libraries?: string | undefined;
  /** When a run that is under way is ended, in the milliseconds of Date.now(); absent: never. */
  readonly endMs?: number | undefined;
  readonly official: string;
  readonly generator: string;
  readonly tokenizer: string;
  readonly python: string;
  readonly every: number;
  readonly batches: readonly number[];
  readonly rounds: number;
  readonly sides: readonly Side[];
  readonly runs: number;
  readonly steps: number;
  readonly diffusionSteps: number;
  readonly guidance: number;
  readonly threads: number;
  readonly work: string;
}

/** Undefined if it has printed the help. Throws if an option is missing or wrong. */
export function readReferenceOptions(argv: string[]): ReferenceOptions | undefined {
  const { values } = readArguments({
    args: argv,
    options: {
      official: { type: "string" },
      generator: { type: "string" },
      tokenizer: { type: "string" },
      arch: { type: "string" },
      provider: { type: "string", default: "cpu" },
      python: { type: "string", default: "python3" },
      every: { type: "string" },
      batches: { type: "string" },
      rounds: { type: "string", default: "1" },
      sides: { type: "string" },
      runs: { type: "string", default: "1000000" },
      steps: { type: "string", default: "64" },
      "diffusion-steps": { type: "string", default: "100" },
      guidance: { type: "string", default: "2.9" },
      threads: { type: "string", default: "2" },
      work: { type: "string", default: fileURLToPath(new URL("../.work/reference/", import.meta.url)) },
      quick: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return undefined;
  }
  const { official, generator, tokenizer, quick } = values;
  if (!official || !generator || !tokenizer) {
    throw new UsageError("--official, --generator and --tokenizer are required; --help describes the options.");
  }
  for (const [option, path] of Object.entries({ official, generator, tokenizer, arch: values.arch }))
    if (path !== undefined && !existsSync(path)) throw new UsageError(`--${option}: there is no ${path}.`);
  if (!existsSync(join(official, "models/mar.py")))
    throw new UsageError(`--official must be a checkout of github.com/LTH14/mar; ${official} has no models/mar.py.`);
  const steps = whole("steps", values.steps);
  const every = whole("every", values.every ?? (quick ? "16" : "1"));
  if (steps % every !== 0) {
    const source = values.every === undefined ? ", that of --quick," : "";
    throw new UsageError(`--every must divide the ${steps} steps; ${every}${source} does not.`);
  }
  const guidance = Number(values.guidance);
  if (!(guidance >= 1 && Number.isFinite(guidance)))
    throw new UsageError(`--guidance must be a number of at least 1, not ${values.guidance}.`);
  const provider = asProcessor(values.provider);
  return {
    provider,
    arch: values.arch,
    official,
    generator,
    tokenizer,
    python: values.python,
    every,
    batches: distinct("batches", (values.batches ?? (quick ? "1" : "1,8")).split(",")).map((text) =>
      whole("batches", text),
    ),
    rounds: whole("rounds", values.rounds),
    sides: values.sides ? distinct("sides", values.sides.split(",")).map(asSide) : USUAL_SIDES[provider],
    runs: whole("runs", values.runs),
    steps,
    diffusionSteps: whole("diffusion-steps", values["diffusion-steps"]),
    guidance,
    threads: whole("threads", values.threads, 1, MOST_THREADS),
    work: values.work,
  };
}

function distinct(option: string, values: readonly string[]): readonly string[] {
  if (new Set(values).size < values.length) throw new UsageError(`--${option} names one of its values twice.`);
  return values;
}

export function asProcessor(text: string): Processor {
  if (text !== "cpu" && text !== "cuda") throw new UsageError(`--provider must be cpu or cuda, not ${text}.`);
  return text;
}

export function asSide(text: string): Side {
  const side = SIDES.find((name) => name === text);
  if (!side) throw new UsageError(`--sides: ${JSON.stringify(text)} is not one of ${SIDES.join(", ")}.`);
  return side;
}
