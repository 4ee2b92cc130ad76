// npm run bench:reference: Marimba compared with the authors' PyTorch code; the sides take turns, and runs are kept.
import { stat } from "node:fs/promises";
import { loadavg } from "node:os";
import { basename, join } from "node:path";
import { describeMachine } from "../machine.js";
import { type ImportedSide, importSide } from "./imported-models.js";
import { type ReferenceOptions, readReferenceOptions, type Side } from "./options.js";
import { Records, type RunKey, type RunRecord } from "./records.js";
import { isMarimba, presetOf, runSide } from "./sides.js";
import { summaryTable } from "./summary.js";

const progress = (line: string) => process.stderr.write(`${line}\n`);
const print = (...lines: string[]) => process.stdout.write(`${lines.join("\n")}\n`);

/** Each side's subject: PyTorch's checkpoint, or the model that Marimba imported from it. */
interface Subject {
  readonly name: string;
  readonly imported?: ImportedSide;
}

async function openSubjects(options: ReferenceOptions): Promise<Map<Side, Subject>> {
  const subjects = new Map<Side, Subject>();
  for (const side of options.sides) {
    if (isMarimba(side)) {
      const imported = await importSide(side, options);
      subjects.set(side, { name: imported.manifest.hash.slice(0, 12), imported });
    } else {
      const { size, mtimeMs } = await stat(options.generator);
      subjects.set(side, { name: `${basename(options.generator)} ${size} ${Math.round(mtimeMs)}` });
    }
  }
  return subjects;
}

function keyOf(side: Side, subject: Subject, batch: number, round: number, options: ReferenceOptions): RunKey {
  const { steps, diffusionSteps, guidance, threads } = options;
  const every = presetOf(side) ? 1 : options.every;
  return { side, subject: subject.name, batch, every, steps, diffusionSteps, guidance, threads, round };
}

/** All requested runs, round by round, so that the sides alternate. */
function* wantedRuns(options: ReferenceOptions, subjects: ReadonlyMap<Side, Subject>): Generator<[Side, RunKey]> {
  for (let round = 0; round < options.rounds; round++)
    for (const batch of options.batches)
      for (const [side, subject] of subjects) yield [side, keyOf(side, subject, batch, round, options)];
}

async function makeMissing(options: ReferenceOptions, subjects: ReadonlyMap<Side, Subject>, records: Records) {
  let made = 0;
  for (const [side, key] of wantedRuns(options, subjects)) {
    if (records.find(key)) continue;
    if (made++ === options.runs) return;
    const loadBefore = loadavg()[0]!;
    const share = key.every === 1 ? "whole" : `every ${key.every}th step`;
    progress(
      `${side}, batch ${key.batch}, ${share}, round ${key.round + 1}; load average before: ${loadBefore.toFixed(2)}`,
    );
    const result = await runSide(side, key, options, subjects.get(side)!.imported?.folder);
    await records.add({ ...key, ...result, loadBefore, at: new Date().toISOString() });
  }
}

function printSummary(options: ReferenceOptions, subjects: ReadonlyMap<Side, Subject>, records: Records): void {
  for (const batch of options.batches) {
    const runs = new Map<Side, RunRecord[]>();
    for (const [side, key] of wantedRuns({ ...options, batches: [batch] }, subjects)) {
      const record = records.find(key);
      if (record) runs.set(side, [...(runs.get(side) ?? []), record]);
    }
    if (runs.size === 0) continue;
    const every =
      options.every === 1 ? "whole images" : `every ${options.every}th step computed, times ${options.every}`;
    const loads = [...runs].map(([side, made]) => `${side} ${made.map((run) => run.loadBefore.toFixed(1)).join(" ")}`);
    const versions = new Set([...runs.values()].flat().map((run) => run.version));
    print("", `### Batch ${batch}, ${every}`, "", summaryTable(runs), "");
    print(`Load average before each run: ${loads.join(", ")}. ${[...versions].join(", ")}.`);
  }
}

async function main(): Promise<void> {
  const options = readReferenceOptions(process.argv.slice(2));
  if (!options) return;
  const subjects = await openSubjects(options);
  const records = await Records.open(join(options.work, "runs.jsonl"));
  await makeMissing(options, subjects, records);
  const { steps, diffusionSteps, guidance, threads } = options;
  const sampling = `${steps} steps, ${diffusionSteps} diffusion steps, guidance ${guidance} linear, ${threads} threads`;
  print(...[...describeMachine(), `${basename(options.generator)}: ${sampling}`].map((line) => `- ${line}`));
  printSummary(options, subjects, records);
}

await main().catch((error: unknown) => {
  progress(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
