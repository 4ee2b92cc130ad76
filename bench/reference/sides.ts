import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../src/commands/command-line.js";
import { GpuMemory } from "./gpu-memory.js";
import type { ReferenceOptions, Side } from "./options.js";
import type { RunKey, RunResult } from "./records.js";

export const isMarimba = (side: Side): boolean => side.startsWith("marimba");
/** The precision of a side's model. */
export const precisionOf = (side: Side): string => side.split("-")[1]!;
/** A preset of the model: it has fewer steps than the other sides, and all of them are computed. */
export const presetOf = (side: Side): string | undefined => (isMarimba(side) ? side.split("-")[2] : undefined);
/** What peers.py makes faster. */
const fasterOf = (side: Side): string => (side.startsWith("openvino") ? "openvino" : (side.split("-")[2] ?? ""));

/** Marimba's model, and the one in float32 from which its deviation is measured. */
export interface ModelFolders {
  readonly folder: string;
  readonly float32?: string | undefined;
}

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Runs one side in a process of its own; its progress goes to stderr. Rejects if it fails. */
export async function runSide(
  side: Side,
  key: RunKey,
  options: ReferenceOptions,
  models: ModelFolders | undefined,
): Promise<RunResult> {
  const common = [
    ["--provider", key.provider],
    ["--batch", key.batch],
    ["--every", key.every],
    ["--steps", key.steps],
    ["--diffusion-steps", key.diffusionSteps],
    ["--guidance", key.guidance],
    ["--threads", key.threads],
  ].flatMap(([name, value]) => [String(name), String(value)]);
  const memory = key.provider === "cuda" ? await GpuMemory.watch() : undefined;
  try {
    const libraries = isMarimba(side) ? options.libraries : undefined;
    const environment = {
      OMP_NUM_THREADS: String(key.threads),
      ...(libraries !== undefined && { LD_LIBRARY_PATH: libraries }),
    };
    const [command, args] = commandOf(side, options, models, common, measuresDeviation(key, options));
    const result = await run(command, args, environment, options.endMs);
    return memory ? { ...result, peakGpuMib: memory.peakMib } : result;
  } finally {
    memory?.stop();
  }
}

/** Once for each side, because it is the model's; on a GPU, TF32 would be part of it. */
function measuresDeviation({ provider, round, batch }: RunKey, { batches }: ReferenceOptions): boolean {
  return provider === "cpu" && round === 0 && batch === batches[0];
}

function commandOf(
  side: Side,
  options: ReferenceOptions,
  models: ModelFolders | undefined,
  common: readonly string[],
  withDeviation: boolean,
): [string, string[]] {
  if (models !== undefined) {
    const loader = ["--import", file("../typescript.js"), file("marimba.ts")];
    const folders = ["--model", models.folder, "--float32", (withDeviation && models.float32) || ""];
    return [process.execPath, [...loader, ...folders, "--preset", presetOf(side) ?? "", ...common]];
  }
  const files = [
    ...["--official", options.official],
    ...(options.packages === undefined ? [] : ["--packages", options.packages]),
    ...["--generator", options.generator],
    ...["--tokenizer", options.tokenizer],
    ...(options.arch === undefined ? [] : ["--arch", options.arch]),
    ...["--precision", precisionOf(side)],
    ...["--faster", fasterOf(side)],
    ...(withDeviation ? ["--deviation"] : []),
  ];
  return [options.python, [file("official.py"), ...files, ...common]];
}

async function run(
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  endMs: number | undefined,
): Promise<RunResult> {
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
    timeout: endMs === undefined ? undefined : Math.max(1, endMs - Date.now()),
  });
  let lastLines = "";
  child.stderr.on("data", (chunk) => {
    process.stderr.write(chunk);
    lastLines = `${lastLines}${chunk}`.slice(-2000);
  });
  const ended = (once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>).catch((error: Error) => {
    throw new UsageError(`${command} can't be started (${error.message}); --python names another Python.`);
  });
  const endWithUs = (signal: NodeJS.Signals) => {
    child.kill("SIGKILL");
    process.exit(128 + constants.signals[signal]);
  };
  process.on("SIGINT", endWithUs).on("SIGTERM", endWithUs);
  const [output, [code, signal]] = await Promise.all([text(child.stdout), ended]).finally(() => {
    process.off("SIGINT", endWithUs).off("SIGTERM", endWithUs);
  });
  if (code !== 0) throw new Error(`${command} ended with ${code ?? signal}: ${lastLines.trim().split("\n").at(-1)}`);
  return JSON.parse(output) as RunResult;
}
