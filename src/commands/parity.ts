import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import { loadConfig } from "../config.js";
import { compareFolder, compareScheduleFile, type Parity } from "../evaluation/parity/parity.js";
import { formatReport } from "../evaluation/parity/report.js";
import { readArguments, UsageError } from "./command-line.js";

export const usage = `marimba parity: compares a checkpoint's numbers with recordings of the reference implementation

  marimba parity DIR [--schedules FILE]

  DIR                a generator's and a tokenizer's checkpoint (.pth, .ckpt or .safetensors), config.json and the
                     recordings; files are recognised by their content
  --schedules FILE   the reference's integer schedules (default: schedules.json in DIR or beside it)

Errors are relative to the recorded tensor's root mean square. The exit code is 1 if any error exceeds its tolerance.
With PROVIDER=cuda, everything runs on the GPU, without TF32.
`;

/** Runs `marimba parity`; the exit code is 0 if every comparison is within its tolerance. */
export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = readArguments({
    args: argv,
    allowPositionals: true,
    options: { schedules: { type: "string" } },
  });
  const [folder, ...rest] = positionals;
  if (folder === undefined || rest.length > 0) {
    throw new UsageError("marimba parity takes one folder; --help describes the command.");
  }
  return compareAll(folder, values.schedules);
}

async function compareAll(folder: string, statedSchedules: string | undefined): Promise<number> {
  const parts: Parity[] = [];
  const show = (part: Parity) => {
    parts.push(part);
    process.stdout.write(`\n${part.title}\n${formatReport(part.report)}\n`);
  };
  const { provider, cudaDevice } = loadConfig();
  if (provider === "webgpu")
    throw new UsageError(
      "marimba parity runs with PROVIDER=cpu or cuda: WebGPU has graphs of its own, without inner outputs.",
    );
  // The tolerances are those of float32. NVIDIA's libraries read this variable when they are loaded.
  if (provider === "cuda") process.env.NVIDIA_TF32_OVERRIDE = "0";
  for await (const part of compareFolder(folder, { provider, cudaDevice })) show(part);
  const schedules = statedSchedules ?? (await findSchedules(folder));
  if (schedules) show(await compareScheduleFile(schedules));
  else {
    const where = `no schedules.json in or beside ${folder}; --schedules names the file`;
    process.stdout.write(`\nNot compared: integer schedules (${where})\n`);
  }
  return conclude(parts);
}

function conclude(parts: readonly Parity[]): number {
  const compared = parts.reduce((sum, part) => sum + part.report.compared, 0);
  const failed = parts.some((part) => part.report.failed);
  const verdict = failed ? "Parity FAILED." : `Parity holds: ${compared} comparisons, each within its tolerance.`;
  process.stdout.write(`\n${verdict}\n`);
  return failed ? 1 : 0;
}

async function findSchedules(folder: string): Promise<string | undefined> {
  for (const path of [join(folder, "schedules.json"), resolve(folder, "..", "schedules.json")]) {
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}
