import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Deviation } from "../../src/importer/imported-family.js";
import type { Failure } from "../reference/comparison.js";
import type { Side } from "../reference/options.js";
import type { RunRecord } from "../reference/records.js";
import { summaryTable } from "../reference/summary.js";
import type { Model } from "./options.js";

export interface Parity {
  readonly holds: boolean;
  /** What `marimba parity` prints. */
  readonly output: string;
}

export interface ModelResults {
  readonly deviation: readonly Deviation[];
  readonly every: number;
  readonly batches: readonly { readonly batch: number; readonly runs: Readonly<Partial<Record<Side, RunRecord[]>>> }[];
  readonly failures: readonly Failure[];
  /** Runs that failed, or for which there was no time. */
  readonly missing: number;
}

/** All that is known so far; results.json. */
export interface Results {
  /** The code and the machine, in words. */
  readonly measured: string;
  machine?: readonly string[];
  parity?: Parity;
  /** What was left out, and why. */
  leftOut?: readonly string[];
  models: Partial<Record<Model, ModelResults>>;
}

/** Earlier results of the same code and machine, if there are any. Throws if the folder's are damaged, or of others. */
export async function readResults(folder: string, measured: string): Promise<Results> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, "results.json");
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return { measured, models: {} };
  const earlier = parseResults(text, path);
  if (earlier.measured === measured) return earlier;
  const before = earlier.measured ?? "an earlier version, which did not record its machine";
  throw new Error(`${path} has results of ${before}.\nThis is ${measured}.\nChoose another folder with --out.`);
}

function parseResults(text: string, path: string): Results {
  try {
    const results = JSON.parse(text) as Results | null;
    if (!results?.models) throw new Error("it has no models");
    return results;
  } catch (error) {
    const { message } = error as Error;
    throw new Error(
      `${path} is damaged (${message}). Choose another folder with --out, or restore the file from a copy.`,
    );
  }
}

/** Each file is replaced as a whole, so that a kill leaves none half written. */
export async function writeResults(folder: string, results: Results): Promise<void> {
  const files = { "results.json": JSON.stringify(results, null, 2), "results.md": markdown(results) };
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, `${name}.part`), `${content}\n`);
    await rename(join(folder, `${name}.part`), join(folder, name));
  }
}

function markdown({ measured, machine, parity, leftOut = [], models }: Results): string {
  const lines = ["# Marimba and the authors' PyTorch code", "", `- ${measured}`];
  if (machine) lines.push(...machine.map((fact) => `- ${fact}`));
  if (parity) lines.push(`- Without TF32: ${parity.output.trim().split("\n").at(-1)}`);
  lines.push(...leftOut.map((reason) => `- Left out: ${reason}`));
  for (const [model, results] of Object.entries(models)) lines.push("", `## ${model}`, "", ...modelLines(results));
  return lines.join("\n");
}

function modelLines({ deviation, every, batches, failures, missing }: ModelResults): string[] {
  const parts = deviation.map(({ of, relativeRms }) => `${of} ${(100 * relativeRms).toFixed(3)} %`);
  const lines = [`float16 deviates from float32 by: ${parts.join(", ")}.`];
  for (const { batch, runs } of batches) {
    const made = new Map(Object.entries(runs) as [Side, RunRecord[]][]);
    if (made.size > 0) lines.push("", `Batch ${batch}; ${share(every)}:`, "", summaryTable(made));
  }
  if (failures.length > 0) lines.push("");
  lines.push(...failures.map(({ side, batch, reason }) => `- ${side}, batch ${batch}, failed: ${reason}`));
  const late = missing - failures.length;
  if (late > 0) lines.push("", `There was no time for ${late} runs. Start the script again to add them.`);
  return lines;
}

const share = (every: number) =>
  every === 1 ? "whole images" : `every ${every}th step computed, times ${every}; presets compute whole images`;
