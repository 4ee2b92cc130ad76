import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { ReferenceOptions, Side } from "./options.js";
import type { RunKey, RunResult } from "./records.js";

export const isMarimba = (side: Side): boolean => side.startsWith("marimba");
/** The precision of a side's model. */
export const precisionOf = (side: Side): string => side.split("-")[1]!;
/** A preset of the model: it has fewer steps than the other sides, and all of them are computed. */
export const presetOf = (side: Side): string | undefined => side.split("-")[2];

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Runs one side in a process of its own; its progress goes to stderr. Rejects if it fails. */
export async function runSide(
  side: Side,
  key: RunKey,
  options: ReferenceOptions,
  modelFolder: string | undefined,
): Promise<RunResult> {
  const common = [
    ["--batch", key.batch],
    ["--every", key.every],
    ["--steps", key.steps],
    ["--diffusion-steps", key.diffusionSteps],
    ["--guidance", key.guidance],
    ["--threads", key.threads],
  ].flatMap(([name, value]) => [String(name), String(value)]);
  if (modelFolder !== undefined) {
    const loader = ["--import", file("../typescript.js"), file("marimba.ts")];
    return run(process.execPath, [...loader, "--model", modelFolder, "--preset", presetOf(side) ?? "", ...common]);
  }
  const files = [
    ...["--official", options.official],
    ...["--generator", options.generator],
    ...["--tokenizer", options.tokenizer],
    ...["--precision", side.replace("pytorch-", "")],
  ];
  return run(options.python, [file("official.py"), ...files, ...common], { OMP_NUM_THREADS: String(key.threads) });
}

async function run(command: string, args: readonly string[], environment = {}): Promise<RunResult> {
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...environment },
  });
  const ended = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  const [output, [code, signal]] = await Promise.all([text(child.stdout), ended]);
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with ${code ?? signal}; see its last lines.`);
  return JSON.parse(output) as RunResult;
}
