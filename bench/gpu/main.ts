// bench/gpu/run.sh starts this; --help describes it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { Deviation } from "../../src/importer/imported-family.js";
import { runCommand } from "../command.js";
import { Comparison, type Failure } from "../reference/comparison.js";
import { importModelOf } from "../reference/imported-models.js";
import type { ReferenceOptions } from "../reference/options.js";
import { isMarimba } from "../reference/sides.js";
import { checkpointsOf } from "./checkpoints.js";
import { lookAround, type Machine } from "./machine.js";
import { type GpuOptions, type Model, ROOT, readGpuOptions } from "./options.js";
import { type Parity, type Results, readResults, writeResults } from "./results.js";

const GUIDANCE = 2.9;
/** A run that takes longer than expected may go on for this long. */
const ENDED_LATER_MS = 30_000;
const progress = (line: string) => process.stderr.write(`${line}\n`);
const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs Node.js with CUDA's libraries and without TF32. */
async function runWithoutTf32(args: readonly string[], provider: string, { libraries }: Machine): Promise<Ended> {
  const env = { ...process.env, LD_LIBRARY_PATH: libraries, NVIDIA_TF32_OVERRIDE: "0", PROVIDER: provider };
  const child = spawn(process.execPath, args, { env, cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "close");
  const [output, [code]] = await Promise.all([text(child.stdout), ended]);
  return { code, output };
}

async function checkParity({ provider }: GpuOptions, machine: Machine): Promise<Parity> {
  progress("Comparing every stage with recordings of the reference, without TF32 ...");
  const args = [join(ROOT, "dist/main.js"), "parity", join(ROOT, "test/reference/tiny")];
  const { code, output } = await runWithoutTf32(args, provider, machine);
  return { holds: code === 0, output };
}

async function measureDeviation(comparison: ReferenceOptions, machine: Machine): Promise<readonly Deviation[]> {
  const half = await importModelOf("fp16", comparison);
  const float32 = await importModelOf("fp32", comparison);
  progress("Comparing float16 with float32 ...");
  const loader = ["--import", file("../typescript.js"), file("deviation.ts")];
  const folders = [comparison.provider, half.folder, float32.folder];
  const { code, output } = await runWithoutTf32([...loader, ...folders], comparison.provider, machine);
  if (code !== 0) throw new Error("The comparison of float16 with float32 failed; see its last lines.");
  return JSON.parse(output) as Deviation[];
}

/** How both sides run a model, until `deadlineMs`. */
async function optionsFor(
  model: Model,
  options: GpuOptions,
  machine: Machine,
  deadlineMs: number,
): Promise<ReferenceOptions> {
  const { official, packages, python, provider, steps, diffusionSteps, every, batches, rounds, minutes } = options;
  return {
    ...(await checkpointsOf(model, options)),
    ...{ official, packages, python, provider, steps, diffusionSteps, every, batches, rounds },
    sides: options.sides.filter((side) => isMarimba(side) || machine.withoutPyTorch === undefined),
    libraries: machine.libraries,
    endMs: minutes === undefined ? undefined : deadlineMs + ENDED_LATER_MS,
    guidance: GUIDANCE,
    threads: 2,
    runs: Number.POSITIVE_INFINITY,
    work: join(options.out, model),
  };
}

async function measureModel(
  model: Model,
  options: GpuOptions,
  machine: Machine,
  results: Results,
  deadlineMs: number,
): Promise<void> {
  const comparisonOptions = await optionsFor(model, options, machine, deadlineMs);
  const deviation = results.models[model]?.deviation ?? (await measureDeviation(comparisonOptions, machine));
  const comparison = await Comparison.open(comparisonOptions);
  const failures: Failure[] = [];
  const save = async () => {
    const runsOf = (batch: number) => ({ batch, runs: Object.fromEntries(comparison.runsOf(batch)) });
    const { every, batches } = options;
    const { missing } = comparison;
    results.models[model] = { deviation, every, batches: batches.map(runsOf), failures, missing };
    await writeResults(options.out, results);
  };
  let longestMs = 0;
  let startedMs = Date.now();
  const goOn = async () => {
    longestMs = Math.max(longestMs, Date.now() - startedMs);
    startedMs = Date.now();
    await save();
    return startedMs + longestMs < deadlineMs;
  };
  await comparison.run(goOn, (failure) => failures.push(failure));
  await save();
}

async function main(): Promise<void> {
  const options = readGpuOptions(process.argv.slice(2));
  if (!options) return;
  const deadlineMs = Date.now() + 60_000 * (options.minutes ?? Number.POSITIVE_INFINITY);
  const machine = await lookAround(options);
  const results = await readResults(options.out, machine.measured);
  results.machine = machine.facts;
  results.leftOut = machine.withoutPyTorch === undefined ? [] : [machine.withoutPyTorch];
  if (options.provider === "cuda") {
    const { code } = await runWithoutTf32([join(ROOT, "dist/main.js"), "gpu", "check"], "cuda", machine);
    if (code !== 0) throw new Error("CUDA can't be used here; the sentence above says why.");
  }
  if (!results.parity?.holds) results.parity = await checkParity(options, machine);
  await writeResults(options.out, results);
  if (!results.parity.holds) progress("Parity does not hold; results.json has the table.");
  let longestMs = 0;
  for (const model of options.models) {
    const startedMs = Date.now();
    // To make and import its checkpoint takes a part of the time that the smaller model before it took.
    if (startedMs + longestMs / 4 > deadlineMs) results.leftOut = [...results.leftOut, `${model}, for want of time.`];
    else await measureModel(model, options, machine, results, deadlineMs);
    longestMs = Math.max(longestMs, Date.now() - startedMs);
  }
  await writeResults(options.out, results);
  progress(`Results: ${join(options.out, "results.md")} and results.json`);
}

await runCommand(main);
