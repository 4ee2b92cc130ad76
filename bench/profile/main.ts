// npm run profile: where a model's time goes, operator by operator, compared with this machine's peak rates.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readArguments, UsageError } from "../../src/commands/command-line.js";
import { Decoder } from "../../src/engine/decoder.js";
import { openModel } from "../../src/engine/open-model.js";
import { usableCores } from "../../src/engine/runtime/allowance.js";
import type { Runtime } from "../../src/engine/runtime/runtime.js";
import { denoise } from "../../src/families/heads/denoise.js";
import { predict } from "../../src/families/mar/predict.js";
import { markdownTable } from "../../src/markdown-table.js";
import { type Architecture, marArchitecture } from "../../src/model/manifest.js";
import { denoiseBatch, denoiseRow, predictBatch, predictRow } from "../../test/families/mar/batches.js";
import { runCommand, whole } from "../command.js";
import { describeMachine } from "../machine.js";
import { openModelFolder } from "../model-folder.js";
import { median } from "../statistics.js";
import { type NodeEvent, type OperatorTime, operatorTimes } from "./operators.js";
import { describePeaks, MOST_THREADS, measurePeaks, type Peaks } from "./peaks.js";

const USAGE = `npm run profile: where a model's time goes, by operator, compared with this machine's peak rates

  npm run profile -- --model-folder DIR [options]

  --rows N     transformer rows, two for an image with guidance (default: 2)
  --known N    known tokens of each row (default: 36 %, about the average of MAR's 64 steps)
  --tokens N   tokens sampled at once, with guidance (default: 4)
  --steps N    diffusion steps of one run (default: 12)
  --threads N  as THREADS (default: all)
  --repeats N  runs of each graph (default: 5)
  --only LIST  graphs, separated by commas (default: predict,denoise,decode)
  --help       print this

Needs a C compiler (cc) to measure the peak rates.
`;

/** Operators with less than this share of their graph's time share one line. */
const SMALLEST_SHARE = 0.01;

/** Of the tokens. */
const KNOWN_SHARE = 0.36;

/** Diffusion steps of an image, and the one that a run begins with. */
const SCHEDULE = 100;
const FIRST_STEP = 40;

const GRAPHS = ["predict", "denoise", "decode"] as const;
type Graph = (typeof GRAPHS)[number];

/** Undefined if it has printed the help. */
function readOptions() {
  const text = (fallback: number | string) => ({ type: "string", default: String(fallback) }) as const;
  const { values } = readArguments({
    args: process.argv.slice(2),
    options: {
      "model-folder": { type: "string" },
      rows: text(2),
      known: { type: "string" },
      tokens: text(4),
      steps: text(12),
      threads: text(usableCores()),
      repeats: text(5),
      only: text(GRAPHS.join(",")),
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return undefined;
  }
  const modelFolder = values["model-folder"];
  if (modelFolder === undefined) throw new UsageError("--model-folder is required; --help describes the options.");
  const only = values.only.split(",").map((name) => {
    const graph = GRAPHS.find((one) => one === name);
    if (!graph) throw new UsageError(`--only takes some of ${GRAPHS.join(", ")}, not ${JSON.stringify(name)}.`);
    return graph;
  });
  const known = values.known === undefined ? undefined : whole("known", values.known, 0);
  return {
    modelFolder,
    only,
    rows: whole("rows", values.rows),
    known,
    tokens: whole("tokens", values.tokens),
    steps: whole("steps", values.steps, 1, SCHEDULE - FIRST_STEP),
    threads: whole("threads", values.threads, 1, MOST_THREADS),
    repeats: whole("repeats", values.repeats),
  };
}

type Options = NonNullable<ReturnType<typeof readOptions>>;

interface Profiled {
  readonly folder: string;
  readonly architecture: Architecture;
  /** A run of each graph. */
  readonly run: Readonly<Record<Graph, (r: Runtime) => Promise<unknown>>>;
}

/** The inputs of each graph's runs. */
async function inputs(options: Options): Promise<Profiled> {
  const { folder, manifest } = await openModelFolder(options.modelFolder);
  const { generator: a, tokenizer: t } = marArchitecture(manifest.architecture);
  const { tokens, steps } = options;
  const known = options.known ?? Math.round(KNOWN_SHARE * a.token_count);
  if (known + tokens > a.token_count)
    throw new UsageError(
      `--known and --tokens must together be at most the model's ${a.token_count}, not ${known + tokens}.`,
    );
  const rows = Array.from({ length: options.rows }, (_, i) => predictRow(a, known, tokens, 5 + i));
  const predictInputs = predictBatch(a, rows, known);
  const sampled = Array.from({ length: tokens }, (_, i) => denoiseRow(a, SCHEDULE, true, 9 + i));
  const denoiseInputs = denoiseBatch(a, sampled, SCHEDULE, FIRST_STEP, FIRST_STEP + steps);
  const latents = new Float32Array(t.latent_channels * t.latent_height * t.latent_width).map((_, i) => Math.sin(i));
  return {
    folder,
    architecture: manifest.architecture,
    run: {
      predict: (runtime) => predict(runtime, a, predictInputs),
      denoise: (runtime) => denoise(runtime, a, denoiseInputs),
      decode: (runtime) => new Decoder(runtime, t).decode(latents),
    },
  };
}

/**
 * The least time that the work can take: its products at the peak rate, or its bytes at the rate of the cache and, where the
 * last level does not hold them, of memory.
 */
function boundMs(o: OperatorTime, peaks: Peaks): { ms: number; by: string } {
  const operationsMs = o.type && peaks[o.type] ? o.operations / peaks[o.type]! / 1e6 : 0;
  const cached = Math.min(o.bytes, o.count * (peaks.lastCacheBytes ?? Number.POSITIVE_INFINITY));
  const bytesMs = cached / peaks.cacheGBs / 1e6 + (o.bytes - cached) / peaks.memoryGBs / 1e6;
  return operationsMs > bytesMs ? { ms: operationsMs, by: "products" } : { ms: bytesMs, by: "bytes" };
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/** All bounds together. An operator that copies nothing, such as a Reshape, has no bound but its own time. */
function boundOfAll(operators: readonly OperatorTime[], peaks: Peaks): string {
  const total = operators.reduce((sum, o) => sum + o.ms, 0);
  const bound = operators.reduce((sum, o) => sum + Math.min(o.ms, boundMs(o, peaks).ms), 0);
  return `The operators take ${total.toFixed(1)} ms. The peaks allow ${bound.toFixed(1)} ms, ${percent(bound / total)} of that.`;
}

function table(operators: readonly OperatorTime[], peaks: Peaks): string {
  const total = operators.reduce((sum, o) => sum + o.ms, 0);
  const large = operators.filter((o) => o.ms >= SMALLEST_SHARE * total);
  const rest = operators.filter((o) => o.ms < SMALLEST_SHARE * total);
  const rows = large.map((o) => {
    const bound = boundMs(o, peaks);
    return [
      o.name,
      String(o.count),
      o.ms.toFixed(2),
      percent(o.ms / total),
      o.operations > 0 ? (o.operations / o.ms / 1e6).toFixed(0) : "",
      (o.bytes / o.ms / 1e6).toFixed(1),
      `${percent(Math.min(1, bound.ms / o.ms))} of ${bound.by}`,
    ];
  });
  const restMs = rest.reduce((sum, o) => sum + o.ms, 0);
  rows.push([
    `${rest.length} others`,
    String(rest.reduce((n, o) => n + o.count, 0)),
    restMs.toFixed(2),
    percent(restMs / total),
    "",
    "",
    "",
  ]);
  return markdownTable(["Operator", "Runs", "ms", "Share", "GOP/s", "GB/s", "Of its bound"], rows);
}

/** Runs one graph repeatedly; prints medians without profiling, then the profile's table. */
async function profile(
  { folder, architecture, run: runs }: Profiled,
  graph: Graph,
  { repeats, threads }: Options,
  peaks: Peaks,
): Promise<void> {
  const run = runs[graph];
  const plain = await openModel(folder, architecture, { threads }, GRAPHS);
  await run(plain);
  const walls: number[] = [];
  const cpus: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const cpu = process.cpuUsage();
    const startMs = performance.now();
    await run(plain);
    walls.push(performance.now() - startMs);
    const { user, system } = process.cpuUsage(cpu);
    cpus.push((user + system) / 1000);
  }
  await plain.close();

  const output = mkdtempSync(join(tmpdir(), "marimba-profile-"));
  const profiled = await openModel(folder, architecture, { threads, profile: `${output}/` }, GRAPHS);
  for (let i = 0; i < 1 + repeats; i++) await run(profiled);
  await profiled.close();
  const file = readdirSync(output).find((name) => name.startsWith(graph))!;
  const events = JSON.parse(readFileSync(join(output, file), "utf8")) as NodeEvent[];
  rmSync(output, { recursive: true });
  console.log(`\n## ${graph}: median ${median(walls).toFixed(1)} ms, ${median(cpus).toFixed(1)} ms of CPU\n`);
  const operators = operatorTimes(events);
  console.log(`${table(operators, peaks)}\n\n${boundOfAll(operators, peaks)}`);
}

await runCommand(async () => {
  const options = readOptions();
  if (!options) return;
  const profiled = await inputs(options);
  for (const line of describeMachine()) console.log(`- ${line}`);
  const peaks = measurePeaks(options.threads);
  if (!peaks) throw new Error("A C compiler (cc) has to be there to measure the machine's peaks.");
  console.log(`- ${describePeaks(peaks, options.threads)}`);
  for (const graph of options.only) await profile(profiled, graph, options, peaks);
});
