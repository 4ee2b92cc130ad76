// npm run bench:dit: one step of a DiT with guidance, compared with the official PyTorch code; the sides take turns.
import { mkdir, rm } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readArguments, UsageError } from "../../src/commands/command-line.js";
import { openModel } from "../../src/engine/open-model.js";
import { loadKernels } from "../../src/engine/runtime/kernels.js";
import { openRuntime } from "../../src/engine/runtime/onnx.js";
import { floats, type Runtime } from "../../src/engine/runtime/runtime.js";
import { guide } from "../../src/families/dit/evaluation.js";
import { predict } from "../../src/families/dit/predictor.js";
import { importModel } from "../../src/importer/import.js";
import { markdownTable } from "../../src/markdown-table.js";
import type { DitArchitecture } from "../../src/model/manifest.js";
import { runCommand, whole } from "../command.js";
import { describeMachine } from "../machine.js";
import { OfficialProcess } from "../official-process.js";
import { roundsRows } from "../statistics.js";

const USAGE = `npm run bench:dit: one step of a DiT with guidance, batch 1, compared with the official PyTorch code

  npm run bench:dit -- --official DIR [options]

  --official DIR   a checkout of github.com/facebookresearch/DiT
  --python FILE    a Python with torch and timm (default: python3)
  --model NAME     as the official code calls it (default: DiT-XL/2); its weights are random
  --rounds N       turns of each side (default: 5)
  --steps N        steps in a turn, after one that does not count (default: 3)
  --threads N      on both sides (default: 2)
  --work DIR       the checkpoint and the imported model (default: bench/.work/dit)
  --help           print this

A step is the network on two rows, with a class and without, and what guidance makes of them: forward_with_cfg.
`;

const OPTIONS = {
  official: { type: "string" },
  python: { type: "string", default: "python3" },
  model: { type: "string", default: "DiT-XL/2" },
  rounds: { type: "string", default: "5" },
  steps: { type: "string", default: "3" },
  threads: { type: "string", default: "2" },
  work: { type: "string", default: fileURLToPath(new URL("../.work/dit/", import.meta.url)) },
  help: { type: "boolean", default: false },
} as const;

/** Its scale and channels are those of the published one; a step does not use it. */
const TOKENIZER = fileURLToPath(new URL("../../test/reference/systems/kl8/model.ckpt", import.meta.url));
const SCRIPT = new URL("official.py", import.meta.url);
const GUIDANCE = 4;
const PEERS = ["pytorch fp32", "pytorch bf16"] as const;
const OURS = "marimba int8";
/** Where there are operators of our own: the same without them. */
const STOCK = "marimba int8, ONNX Runtime's operators alone";

/** Milliseconds of one step, after one that does not count. */
async function stepTime(runtime: Runtime, model: DitArchitecture, steps: number): Promise<number> {
  const { token_count, token_channels, class_count } = model;
  const size = token_count * token_channels;
  const x = Float32Array.from({ length: 2 * size }, (_, i) => Math.sin(i % size));
  const batch = { x, timesteps: [500, 500], classes: [207 % class_count, class_count] };
  let beginMs = 0;
  for (let step = 0; step <= steps; step++) {
    if (step === 1) beginMs = performance.now();
    const out = floats(await predict(runtime, model, batch), "out");
    const half = out.length / 2;
    guide([out.subarray(0, half), out.subarray(half)], GUIDANCE, model);
  }
  return (performance.now() - beginMs) / steps;
}

async function main(): Promise<void> {
  const { values } = readArguments({ args: process.argv.slice(2), options: OPTIONS });
  if (values.help) return void process.stdout.write(USAGE);
  if (!values.official) throw new UsageError("--official is required; --help describes the options.");
  const { official, python, model, work } = values;
  const [rounds, steps] = [whole("rounds", values.rounds), whole("steps", values.steps)];
  const threads = whole("threads", values.threads);
  await mkdir(work, { recursive: true });
  const checkpoint = join(work, `${model.toLowerCase().replace("/", "-")}.pt`);
  const places = ["--official", official, "--model", model, "--checkpoint", checkpoint];
  const other = new OfficialProcess(python, SCRIPT, [...places, "--threads", `${threads}`, "--steps", `${steps}`]);
  try {
    const { version } = await other.answer();
    const modelsDir = join(work, "models");
    const options = {
      name: "int8",
      generator: checkpoint,
      tokenizer: TOKENIZER,
      precision: "int8",
      modelsDir,
    } as const;
    const { folder, manifest } = await importModel({ ...options, replace: true });
    const runtimes = new Map([[OURS, await openModel(folder, manifest.architecture, { threads }, ["predict"])]]);
    if (loadKernels()) runtimes.set(STOCK, await openRuntime(folder, { threads, graphs: ["predict"] }));
    const times = new Map<string, number[]>([...PEERS, ...runtimes.keys()].map((side) => [side, []]));
    const generator = manifest.architecture.generator as DitArchitecture;
    for (let round = 0; round < rounds; round++) {
      process.stderr.write(`Round ${round + 1} of ${rounds}; load average ${loadavg()[0]!.toFixed(2)}\n`);
      for (const [side, measured] of times) {
        const runtime = runtimes.get(side);
        const ms = runtime ? await stepTime(runtime, generator, steps) : (await other.ask(side.split(" ")[1]!)).ms;
        measured.push(ms);
      }
    }
    for (const runtime of runtimes.values()) await runtime.close();
    await rm(modelsDir, { recursive: true });
    print(model, version, times);
  } finally {
    other.stop();
  }
}

function print(model: string, version: string, times: ReadonlyMap<string, readonly number[]>): void {
  const rows = roundsRows(times, OURS, 0);
  const facts = [...describeMachine(), `${version}, ${model}`].map((line) => `- ${line}`);
  const table = markdownTable(["", "a step", "rounds", `/ ${OURS}`], rows);
  process.stdout.write(`${facts.join("\n")}\n\n${table}\n`);
}

await runCommand(main);
