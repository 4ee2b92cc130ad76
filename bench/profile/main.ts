// npm run profile: where a model's time goes, operator by operator, compared with this machine's peak rates.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readArguments } from "../../src/commands/command-line.js";
import { Decoder } from "../../src/engine/decoder.js";
import { openModel } from "../../src/engine/open-model.js";
import { usableCores } from "../../src/engine/runtime/allowance.js";
import type { Runtime } from "../../src/engine/runtime/runtime.js";
import { denoise } from "../../src/families/heads/denoise.js";
import { predict } from "../../src/families/mar/predict.js";
import { markdownTable } from "../../src/markdown-table.js";
import { type Architecture, marArchitecture } from "../../src/model/manifest.js";
import { denoiseBatch, denoiseRow, predictBatch, predictRow } from "../../test/families/mar/batches.js";
import { describeMachine } from "../machine.js";
import { openModelFolder } from "../model-folder.js";
import { median } from "../statistics.js";
import { type NodeEvent, type OperatorTime, operatorTimes } from "./operators.js";
import { measurePeaks, type Peaks } from "./peaks.js";

const USAGE = `npm run profile: where a model's time goes, by operator, compared with this machine's peak rates

  npm run profile -- --model-folder DIR [options]

  --rows N     transformer rows, two for an image with guidance (default: 2)
  --known N    known tokens of each row (default: 93, the average of MAR's 64 steps)
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

function readOptions() {
  const number = (fallback: number) => ({ type: "string", default: String(fallback) }) as const;
  const { values } = readArguments({
    args: process.argv.slice(2),
    options: {
      "model-folder": { type: "string" },
      rows: number(2),
      known: number(93),
      tokens: number(4),
      steps: number(12),
      threads: number(usableCores()),
      repeats: number(5),
      only: { type: "string", default: "predict,denoise,decode" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help || !values["model-folder"]) {
    process.stdout.write(USAGE);
    process.exit(values.help ? 0 : 2);
  }
  return values;
}

type Options = ReturnType<typeof readOptions>;

interface Profiled {
  readonly folder: string;
  readonly architecture: Architecture;
  /** A run of each graph. */
  readonly run: Readonly<Record<string, (r: Runtime) => Promise<unknown>>>;
}

/** The inputs of each graph's runs. */
async function inputs(options: Options): Promise<Profiled> {
  const { folder, manifest } = await openModelFolder(options["model-folder"]!);
  const { generator: a, tokenizer: t } = marArchitecture(manifest.architecture);
  const [known, tokens, steps] = [Number(options.known), Number(options.tokens), Number(options.steps)];
  const rows = Array.from({ length: Number(options.rows) }, (_, i) => predictRow(a, known, tokens, 5 + i));
  const predictInputs = predictBatch(a, rows, known);
  const sampled = Array.from({ length: tokens }, (_, i) => denoiseRow(a, 100, true, 9 + i));
  const denoiseInputs = denoiseBatch(a, sampled, 100, 40, 40 + steps);
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
      String(Math.round(o.count)),
      o.ms.toFixed(2),
      percent(o.ms / total),
      o.operations > 0 ? (o.operations / o.ms / 1e6).toFixed(0) : "",
      (o.bytes / o.ms / 1e6).toFixed(1),
      `${percent(bound.ms / o.ms)} of ${bound.by}`,
    ];
  });
  const restMs = rest.reduce((sum, o) => sum + o.ms, 0);
  rows.push([
    `${rest.length} others`,
    String(Math.round(rest.reduce((n, o) => n + o.count, 0))),
    restMs.toFixed(2),
    percent(restMs / total),
    "",
    "",
    "",
  ]);
  return markdownTable(["Operator", "Runs", "ms", "Share", "GOP/s", "GB/s", "Of its bound"], rows);
}

/** Runs one graph repeatedly; prints medians without profiling, then the profile's table. */
async function profile({ folder, architecture, run: runs }: Profiled, graph: string, options: Options, peaks: Peaks) {
  const run = runs[graph]!;
  const repeats = Number(options.repeats);
  const threads = Number(options.threads);
  const graphs = ["predict", "denoise", "decode"] as const;
  const plain = await openModel(folder, architecture, { threads }, graphs);
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
  const profiled = await openModel(folder, architecture, { threads, profile: `${output}/` }, graphs);
  for (let i = 0; i < repeats; i++) await run(profiled);
  await profiled.close();
  const file = readdirSync(output).find((name) => name.startsWith(graph))!;
  const events = JSON.parse(readFileSync(join(output, file), "utf8")) as NodeEvent[];
  rmSync(output, { recursive: true });
  console.log(`\n## ${graph}: median ${median(walls).toFixed(1)} ms, ${median(cpus).toFixed(1)} ms of CPU\n`);
  const operators = operatorTimes(events, repeats);
  console.log(`${table(operators, peaks)}\n\n${boundOfAll(operators, peaks)}`);
}

const options = readOptions();
const profiled = await inputs(options);
for (const line of describeMachine()) console.log(`- ${line}`);
const peaks = measurePeaks(Number(options.threads));
const rates = (["float32", "bfloat16", "int8"] as const).flatMap((type) =>
  peaks[type] ? [`${type} ${peaks[type]}`] : [],
);
console.log(
  `- At most, with ${options.threads} threads: ${rates.join(", ")} GOP/s, ${peaks.cacheGBs} GB/s from cache, ${peaks.memoryGBs} GB/s from memory`,
);
for (const graph of options.only.split(",")) await profile(profiled, graph, options, peaks);
