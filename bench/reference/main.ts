// npm run bench:reference: Marimba compared with the authors' PyTorch code; the sides take turns, and runs are kept.
import { basename } from "node:path";
import { runCommand } from "../command.js";
import { describeMachine } from "../machine.js";
import { describePeaks } from "../profile/peaks.js";
import { Comparison } from "./comparison.js";
import { type ReferenceOptions, readReferenceOptions } from "./options.js";
import { summaryTable } from "./summary.js";

const print = (...lines: string[]) => process.stdout.write(`${lines.join("\n")}\n`);

function printSummary(options: ReferenceOptions, comparison: Comparison): void {
  const { bound } = comparison;
  if (bound) print(`- ${describePeaks(bound.peaks, options.threads)}`);
  for (const batch of options.batches) {
    const runs = comparison.runsOf(batch);
    if (runs.size === 0) continue;
    const every =
      options.every === 1 ? "whole images" : `every ${options.every}th step computed, times ${options.every}`;
    const loads = [...runs].map(([side, made]) => `${side} ${made.map((run) => run.loadBefore.toFixed(1)).join(" ")}`);
    const versions = new Set([...runs.values()].flat().map((run) => run.version));
    print("", `### Batch ${batch}, ${every}`, "", summaryTable(runs, bound), "");
    print(`Load average before each run: ${loads.join(", ")}. ${[...versions].join(", ")}.`);
  }
}

async function main(): Promise<void> {
  const options = readReferenceOptions(process.argv.slice(2));
  if (!options) return;
  const comparison = await Comparison.open(options);
  await comparison.run((made) => made < options.runs);
  const { steps, diffusionSteps, guidance, threads } = options;
  const sampling = `${steps} steps, ${diffusionSteps} diffusion steps, guidance ${guidance} linear, ${threads} threads`;
  print(...[...describeMachine(), `${basename(options.generator)}: ${sampling}`].map((line) => `- ${line}`));
  printSummary(options, comparison);
}

await runCommand(main);
