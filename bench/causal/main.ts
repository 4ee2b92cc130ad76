// npm run bench:causal: images of a LlamaGen with guidance, with and without a cache, compared with the official PyTorch code.
import { mkdir, open, writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readArguments, UsageError } from "../../src/commands/command-line.js";
import { openRuntime } from "../../src/engine/runtime/onnx.js";
import { floats, type Runtime } from "../../src/engine/runtime/runtime.js";
import { KeyValueCache, rowBytes } from "../../src/families/causal/cache.js";
import { LLAMAGEN_SIZES, llamagenTable } from "../../src/families/causal/importing.js";
import { buildLlamagen } from "../../src/families/causal/llamagen-graph.js";
import { predict } from "../../src/families/causal/predictor.js";
import { encodingOf } from "../../src/importer/weights/weight-encoding.js";
import { markdownTable } from "../../src/markdown-table.js";
import type { WeightLocation } from "../../src/model/graph/weights.js";
import type { CausalArchitecture, Precision } from "../../src/model/manifest.js";
import { categoricalWeights, drawCode, guidedLogits } from "../../src/model/sampler/categorical.js";
import { ImageNoise } from "../../src/model/sampler/noise.js";
import { runCommand, whole } from "../command.js";
import { describeMachine } from "../machine.js";
import { OfficialProcess } from "../official-process.js";
import { median, roundsRows } from "../statistics.js";
import { processorMs } from "../workload.js";

const USAGE = `npm run bench:causal: images of a LlamaGen with guidance, with random weights, in processor time

  npm run bench:causal -- [options]

  --official DIR   a checkout of github.com/FoundationVision/LlamaGen, whose loop with a cache takes turns with Marimba's
  --python FILE    a Python with torch (default: python3)
  --arch ARCH      llamagen-b, llamagen-l and the like (default: llamagen-l)
  --precision P    int8 or fp32 (default: int8)
  --images N       images at once, on both sides (default: 1)
  --rounds N       turns of each side (default: 3)
  --tokens N       tokens of a turn (default: all of an image)
  --threads N      on both sides (default: 2)
  --work DIR       the weights (default: bench/.work/causal)
  --help           print this
`;

const OPTIONS = {
  official: { type: "string" },
  python: { type: "string", default: "python3" },
  arch: { type: "string", default: "llamagen-l" },
  precision: { type: "string", default: "int8" },
  images: { type: "string", default: "1" },
  rounds: { type: "string", default: "3" },
  tokens: { type: "string" },
  threads: { type: "string", default: "2" },
  work: { type: "string", default: fileURLToPath(new URL("../.work/causal/", import.meta.url)) },
  help: { type: "boolean", default: false },
} as const;

const SCRIPT = new URL("official.py", import.meta.url);
const CODES = 16_384;
const CLASSES = 1000;
const GUIDANCE = 2;
/** Shares of an image's tokens at which the work without a cache is measured. */
const LENGTHS = [0.125, 0.375, 0.625, 0.875];
/** Runs of which a position's time is the median. */
const REPEATED = 5;

function architecture(arch: string): CausalArchitecture {
  const published = LLAMAGEN_SIZES.get(arch)?.model;
  if (!published) throw new UsageError(`--arch ${arch} is not one of ${[...LLAMAGEN_SIZES.keys()].join(", ")}.`);
  const { dim: width = 0, n_layer: depth = 0, n_head: heads, block_size: token_count } = published;
  const grid = Math.sqrt(token_count);
  return {
    family: "causal",
    ...{ grid_height: grid, grid_width: grid, token_count, token_channels: 1, latent_channels: 1, patch_size: 1 },
    class_count: CLASSES,
    head_kind: "categorical",
    codes: CODES,
    transformer: { width, depth, heads, mlp_width: 256 * Math.ceil(Math.floor((8 * width) / 3) / 256) },
    norm_eps: 1e-5,
    rope_base: 10_000,
  };
}

/** Writes random weights, and the graph over them. */
async function openRandom(
  work: string,
  a: CausalArchitecture,
  precision: Precision,
  threads: number,
): Promise<Runtime> {
  await mkdir(work, { recursive: true });
  const { width, depth, mlp_width: mlpWidth } = a.transformer;
  const weights = new Map<string, WeightLocation>();
  const file = await open(join(work, "weights.bin"), "w");
  let offset = 0;
  for (const [name, shape] of llamagenTable({ width, depth, mlpWidth, codes: CODES, classCount: CLASSES }))
    for (const { name: part, type, shape: stored, byteLength } of encodingOf(name, shape, precision).parts) {
      await file.write(randomBytes(part, type, byteLength, shape.at(-1)!));
      weights.set(part, { location: "weights.bin", offset, byteLength, shape: stored, type });
      offset += byteLength;
    }
  await file.close();
  await writeFile(join(work, "predict.onnx"), buildLlamagen(a, weights, {}));
  return openRuntime(work, { threads, graphs: ["predict"] });
}

/** One stretch of random numbers, again and again: what they are does not change the time. */
function randomBytes(part: string, type: string, byteLength: number, inputs: number): Uint8Array {
  const isConstant = part.includes("norm") || part.endsWith(":scales");
  const constant = part.includes("norm") ? 1 : inputs ** -0.5 / 74; // 74: the deviation of even bytes
  const scale = inputs ** -0.5 * 1.7;
  const word = (i: number) => Math.imul(i + 1, 2_654_435_761) >>> 8;
  const number = (i: number) => (isConstant ? constant : scale * (word(i) / 2 ** 23 - 1));
  const stretch = Float32Array.from({ length: 2 ** 14 + 7 }, (_, i) => number(i));
  const bytes = type === "int8" ? Uint8Array.from(stretch, (_, i) => word(i) >>> 16) : new Uint8Array(stretch.buffer);
  return Buffer.alloc(byteLength, bytes);
}

/** The first tokens of images, drawn with guidance. */
async function generate(runtime: Runtime, a: CausalArchitecture, tokens: number, count: number): Promise<void> {
  const cache = new KeyValueCache(a);
  const images = Array.from({ length: count }, (_, index) => ({ noise: new ImageNoise(0, index), code: 0 }));
  const rows = images.flatMap((image) => [207, a.class_count].map((label) => ({ image, label })));
  for (let position = 0; position < tokens; position++) {
    const inputs = rows.map((owner) => ({ owner, label: owner.label, token: [owner.image.code], position }));
    const logits = floats((await predict(runtime, cache, inputs)).out, "logits");
    for (const [index, image] of images.entries()) {
      const halves = [2 * index, 2 * index + 1].map((row) => logits.subarray(row * CODES, (row + 1) * CODES));
      const guided = guidedLogits(halves, GUIDANCE);
      image.code = drawCode(categoricalWeights(guided, { temperature: 1 }), image.noise.uniform(position, position));
    }
  }
}

/** A token's time at a position, all rows. What the cache holds before it does not matter. */
async function tokenMs(runtime: Runtime, cache: KeyValueCache, owners: readonly object[], position: number) {
  const inputs = owners.map((owner) => ({ owner, label: 0, token: [0], position }));
  const times: number[] = [];
  for (let i = 0; i < REPEATED; i++) times.push(await processorMs(() => predict(runtime, cache, inputs)));
  return median(times);
}

/**
 * A token's time without a cache, but for attention: the products of all positions of all rows, as rows of a model whose rows are
 * short.
 */
async function recomputeMs(runtime: Runtime, short: CausalArchitecture, positions: number): Promise<number> {
  const cache = new KeyValueCache(short);
  const inputs = Array.from({ length: positions }, (_, i) => ({ owner: { i }, label: 0, token: [i], position: 1 }));
  await predict(runtime, cache, inputs);
  return processorMs(() => predict(runtime, cache, inputs));
}

async function main(): Promise<void> {
  const { values } = readArguments({ args: process.argv.slice(2), options: OPTIONS });
  if (values.help) return void process.stdout.write(USAGE);
  const a = architecture(values.arch);
  const [rounds, threads] = [whole("rounds", values.rounds), whole("threads", values.threads)];
  const images = whole("images", values.images);
  const tokens = whole("tokens", values.tokens ?? `${a.token_count}`);
  const precision = values.precision as Precision;
  const runtime = await openRandom(join(values.work, precision), a, precision, threads);
  const places = ["--official", values.official ?? "", "--arch", values.arch, "--threads", `${threads}`];
  const other = values.official
    ? new OfficialProcess(values.python, SCRIPT, [...places, "--tokens", `${tokens}`, "--images", `${images}`])
    : undefined;
  const version = (await other?.answer())?.version;
  await generate(runtime, a, 2, images);
  const ours = `marimba ${precision}`;
  const times = new Map<string, number[]>([[ours, []]]);
  for (let round = 0; round < rounds; round++) {
    process.stderr.write(`Round ${round + 1} of ${rounds}; load average ${loadavg()[0]!.toFixed(2)}\n`);
    times.get(ours)!.push((await processorMs(() => generate(runtime, a, tokens, images))) / tokens);
    for (const side of other ? ["fp32", "bf16"] : [])
      times.set(`pytorch ${side}`, [...(times.get(`pytorch ${side}`) ?? []), (await other!.ask(side)).ms]);
  }
  other?.stop();
  const rows = roundsRows(times, ours, 1);
  const cache = `${(rowBytes(a) / 2 ** 20).toFixed(0)} MiB of keys and values a row`;
  const facts = [
    ...describeMachine(),
    version,
    `${values.arch}, ${tokens} tokens, images at once: ${images}, ${threads} threads`,
    cache,
  ];
  const table = markdownTable(
    ["processor time", images === 1 ? "a token" : "a token of all images", "rounds", `/ ${ours}`],
    rows,
  );
  process.stdout.write(
    `${facts
      .flatMap((line) => line ?? [])
      .map((line) => `- ${line}`)
      .join("\n")}\n\n${table}\n\n`,
  );
  await comparePositions(runtime, a, images);
  await runtime.close();
  await compareRecomputed({ work: values.work, precision, threads, images }, a, median(times.get(ours)!));
}

async function comparePositions(runtime: Runtime, a: CausalArchitecture, images: number): Promise<void> {
  const cache = new KeyValueCache(a);
  const owners = Array.from({ length: 2 * images }, (_, row) => ({ row }));
  const parts: string[] = [];
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const position = Math.round(share * (a.token_count - 1));
    parts.push(`${position}: ${(await tokenMs(runtime, cache, owners, position)).toFixed(1)} ms`);
  }
  process.stdout.write(`A token by its position: ${parts.join(", ")}\n`);
}

interface Setting {
  readonly work: string;
  readonly precision: Precision;
  readonly threads: number;
  readonly images: number;
}

async function compareRecomputed(
  { work, precision, threads, images }: Setting,
  a: CausalArchitecture,
  cachedMs: number,
): Promise<void> {
  const short = { ...a, grid_height: 2, grid_width: 2, token_count: 4 };
  const runtime = await openRandom(join(work, `${precision}-short`), short, precision, threads);
  const times: number[] = [];
  for (const share of LENGTHS)
    times.push(await recomputeMs(runtime, short, 2 * images * Math.round(share * a.token_count)));
  await runtime.close();
  const parts = LENGTHS.map((share, i) => `${share * a.token_count}: ${times[i]!.toFixed(0)} ms`);
  const factor = times.reduce((sum, ms) => sum + ms) / times.length / cachedMs;
  process.stdout.write(
    `A token without a cache, by positions that are computed again: ${parts.join(", ")}; on average ${factor.toFixed(1)} times as long\n`,
  );
}

await runCommand(main);
