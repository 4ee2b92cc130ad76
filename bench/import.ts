// npm run bench:import: an import compared with cp of the same files, in turn, with everything on the disk before the clock stops.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { loadavg } from "node:os";
import { basename, join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { readArguments, UsageError } from "../src/commands/command-line.js";
import { markdownTable } from "../src/markdown-table.js";
import { runCommand, whole } from "./command.js";
import { describeMachine } from "./machine.js";
import { median, pairedRatio } from "./statistics.js";

const USAGE = `npm run bench:import: how fast checkpoints are imported, compared with cp of the same files

  npm run bench:import -- --generator FILE --tokenizer FILE [options]

  --precision P    as marimba import takes it (default: fp32)
  --rounds N       how often each runs (default: 5)
  --work DIR       where both write; the files are removed afterwards (default: bench/.work/import)
  --help           print this

The files are read once before, so that both find them in memory if they fit.
`;

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

async function run(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  const closed = once(child, "close") as Promise<[number | null]>;
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${errors}`);
  return output;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return (performance.now() - startMs) / 1000;
}

/** Seconds that cp takes until everything is on the disk. */
function copy(files: readonly string[], folder: string): Promise<number> {
  return timed(async () => {
    await run("cp", [...files, folder]);
    await run("sync", [...files.map((path) => join(folder, basename(path))), folder]);
  });
}

async function main(): Promise<void> {
  const { values } = readArguments({
    args: process.argv.slice(2),
    options: {
      generator: { type: "string" },
      tokenizer: { type: "string" },
      precision: { type: "string", default: "fp32" },
      rounds: { type: "string", default: "5" },
      work: { type: "string", default: file(".work/import/") },
      help: { type: "boolean", default: false },
    },
  });
  const { generator, tokenizer, precision } = values;
  if (values.help) return void process.stdout.write(USAGE);
  if (!generator || !tokenizer)
    throw new UsageError("--generator and --tokenizer are required; --help describes the options.");
  const rounds = whole("rounds", values.rounds);
  const files = [resolve(generator), resolve(tokenizer)];
  const gigabytes = (await Promise.all(files.map((path) => stat(path)))).reduce((sum, { size }) => sum + size, 0) / 1e9;
  await mkdir(values.work, { recursive: true });
  const folder = await mkdtemp(join(values.work, "run-"));
  const copied: number[] = [];
  const imported: number[] = [];
  let peakMib = 0;
  const rows: string[][] = [];
  try {
    for (const path of files) await run("dd", [`if=${path}`, "of=/dev/null", "bs=4M", "status=none"]);
    for (let round = 0; round < rounds; round++) {
      const load = loadavg()[0]!.toFixed(1);
      copied.push(await copy(files, folder));
      for (const path of files) await rm(join(folder, basename(path)));
      imported.push(
        await timed(async () => {
          const model = [
            "--name",
            "model",
            "--generator",
            files[0]!,
            "--tokenizer",
            files[1]!,
            "--precision",
            precision,
          ];
          const output = await run(process.execPath, [file("import-process.js"), ...model, "--models-dir", folder]);
          peakMib = Math.max(peakMib, Number(output.trim().split("\n").at(-1)));
        }),
      );
      await rm(join(folder, "model"), { recursive: true });
      const [a, b] = [copied.at(-1)!, imported.at(-1)!];
      rows.push([`${round + 1}`, load, a.toFixed(2), b.toFixed(2), `${((100 * a) / b).toFixed(0)} %`]);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const speed = (seconds: readonly number[]) => `${(gigabytes / median(seconds)).toFixed(2)} GB/s`;
  process.stdout.write(
    [
      ...describeMachine().map((line) => `- ${line}`),
      "",
      markdownTable(["round", "load before", "cp, s", "import, s", "import reaches"], rows),
      "",
      `${gigabytes.toFixed(2)} GB: cp ${speed(copied)}, import to ${precision} ${speed(imported)}, ` +
        `${(100 * pairedRatio(copied, imported)).toFixed(0)} % of it (median of ${rows.length}); peak memory ${peakMib.toFixed(0)} MiB.\n`,
    ].join("\n"),
  );
}

await runCommand(main);
