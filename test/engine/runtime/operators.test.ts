import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadKernels } from "../../../src/engine/runtime/kernels.js";
import { openRuntime } from "../../../src/engine/runtime/onnx.js";
import { floats, type Tensor, type Tensors } from "../../../src/engine/runtime/runtime.js";
import { buildTokenizerGraphs } from "../../../src/families/families.js";
import { selfAttention } from "../../../src/model/graph/attention.js";
import { levelBlocks, upsample } from "../../../src/model/graph/autoencoder-blocks.js";
import { GraphBuilder, type Value } from "../../../src/model/graph/builder.js";
import { type InputOptions, LinearInput, type ProjectOptions, RowZeroPoints } from "../../../src/model/graph/linear.js";
import { GELU_LOWEST } from "../../../src/model/graph/ops.js";
import { readWeights } from "../../../src/model/graph/read-weights.js";
import type { WeightLocation } from "../../../src/model/graph/weights.js";
import { graphsOf, MODEL_FILES } from "../../../src/model/manifest.js";
import { readManifest } from "../../../src/model/registry.js";

/** Our operators (kernels/operators.cc), compared with ONNX Runtime's, which the same builders put into a graph. */

let folder: string;
const weights = new Map<string, WeightLocation>();
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "marimba-operators-"));
  const noise = Int8Array.from({ length: 1 << 18 }, (_, i) => Math.imul(i + 1, 2_654_435_761) >> 24);
  writeFileSync(join(folder, "int8"), noise);
  writeFileSync(
    join(folder, "float32"),
    Float32Array.from(noise.subarray(0, 1 << 15), (value) => 0.004 + value / 64_000),
  );
  writeFileSync(
    join(folder, "norms"),
    Float32Array.from(noise.subarray(0, 1 << 8), (value) => 1 + value / 256),
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

function layer(name: string, inputs: number, outputs: number, parts = [outputs]): void {
  const int8 = (count: number) => ({ location: "int8", offset: 0, byteLength: inputs * count, type: "int8" as const });
  const float = { location: "float32", offset: 0, byteLength: 4 * outputs, shape: [outputs], type: "float32" as const };
  for (const [i, count] of parts.entries()) {
    const part = parts.length === 1 ? `${name}.weight` : `${name}.weight[${i * count}:${(i + 1) * count}]`;
    weights.set(part, { ...int8(count), shape: [inputs, count] });
  }
  weights.set(`${name}.weight:scales`, float);
  weights.set(`${name}.bias`, float);
}

const wave = (shape: readonly number[], step = 0.37) => ({
  data: Float32Array.from(
    { length: shape.reduce((product, size) => product * size, 1) },
    (_, i) => Math.sin(i * step) * (1 + (i % 7)),
  ),
  shape,
});

type Build = (g: GraphBuilder) => Value;

/** The graph's output `y` by our operators, or by ONNX Runtime's. */
async function computed(build: Build, inputs: Tensors, kernels: boolean, threads = 1): Promise<Float32Array> {
  const g = GraphBuilder.model("predict", weights, { kernels });
  g.output("y", build(g), "float32", []);
  const variants = { predict: g.encode() };
  const runtime = await openRuntime(folder, {
    threads,
    graphs: ["predict"],
    variants,
    ...(kernels && { kernels: true as const }),
  });
  const y = floats(await runtime.run("predict", inputs), "y");
  await runtime.close();
  return y;
}

/** The images of a sheet's first row as the encoder takes them. -> [images, 3, size, size] */
async function sheetTiles(path: string, size: number): Promise<Tensor> {
  const sheet = sharp(await readFile(path)).removeAlpha();
  const { width, height } = await sheet.metadata();
  const count = 12;
  const side = width / count;
  expect(height % side).toBe(0);
  const row = sheet.extract({ left: 0, top: 0, width, height: side }).resize(count * size, size, { kernel: "nearest" });
  const pixels = await row.raw().toBuffer();
  const at = (image: number, channel: number, pixel: number) =>
    pixels[3 * ((Math.floor(pixel / size) * count + image) * size + (pixel % size)) + channel]!;
  const data = Float32Array.from({ length: count * 3 * size * size }, (_, i) => {
    const plane = Math.floor(i / size ** 2);
    return at(Math.floor(plane / 3), plane % 3, i % size ** 2) / 127.5 - 1;
  });
  return { data, shape: [count, 3, size, size] };
}

/** The root of the mean squared difference, relative to the values'. */
function deviation(ours: Float32Array, theirs: Float32Array): number {
  expect(ours.length).toBe(theirs.length);
  const squares = (values: Float32Array) => values.reduce((sum, value) => sum + value ** 2, 0);
  return Math.sqrt(squares(ours.map((value, i) => value - theirs[i]!)) / squares(theirs));
}

interface Case {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
  /** 0: rows have no sequences. */
  readonly tokens?: number;
  readonly norm?: true;
  readonly options?: InputOptions;
  readonly project?: ProjectOptions;
  readonly gated?: "residual" | "gate";
}

function product({ rows, inputs, outputs, tokens = 0, norm, options = {}, project = {}, gated }: Case) {
  const name = `layer ${inputs} ${outputs}`;
  layer(name, inputs, outputs);
  const sequences = tokens ? rows / tokens : 1;
  const build: Build = (g) => {
    const x = g.input("x", "float32", norm ? ["sequences", "tokens", inputs] : ["rows", inputs]);
    const vector = (of: string, width: number) => g.input(of, "float32", ["sequences", 1, width]);
    const adaptiveNorm = norm && {
      width: inputs,
      epsilon: 1e-6,
      scale: vector("scale", inputs),
      shift: vector("shift", inputs),
    };
    const shared = { ...options, ...(adaptiveNorm && { adaptiveNorm }) };
    const flat = g.input("flat", "float32", ["rows", 1]);
    const residual = gated && {
      residual: g.input("residual", "float32", tokens ? ["s", "t", outputs] : ["r", outputs]),
    };
    const gate = gated === "gate" && { gate: vector("gate", outputs) };
    return new LinearInput(g, x, new RowZeroPoints(g, flat), shared).project(name, {
      ...project,
      ...residual,
      ...gate,
    });
  };
  const shape = tokens ? [sequences, tokens] : [rows];
  const given: Tensors = {
    x: wave([...(norm ? shape : [rows]), inputs]),
    flat: wave([rows, 1]),
    ...(norm && { scale: wave([sequences, 1, inputs], 0.11), shift: wave([sequences, 1, inputs], 0.23) }),
    ...(gated && { residual: wave([...shape, outputs], 0.05) }),
    ...(gated === "gate" && { gate: wave([sequences, 1, outputs], 0.71) }),
  };
  return { build, given };
}

describe.runIf(loadKernels())("our operators, on this CPU, which has what they need", () => {
  test.each<Case>([
    ...[1, 2, 5, 6, 7, 95, 96, 97, 200].map((rows) => ({ rows, inputs: 64, outputs: 130 })),
    ...[4, 8, 60, 100, 1152].map((inputs) => ({ rows: 13, inputs, outputs: 64 })),
    ...[1, 15, 16, 17, 63, 65, 448, 449].map((outputs) => ({ rows: 9, inputs: 32, outputs })),
    { rows: 24, inputs: 48, outputs: 80, project: { bias: null } },
    { rows: 24, inputs: 48, outputs: 80, project: { activation: "gelu-tanh" } },
    { rows: 24, inputs: 48, outputs: 80, project: { activation: "silu" } },
    { rows: 24, inputs: 48, outputs: 80, options: { lowest: GELU_LOWEST } },
    { rows: 24, inputs: 48, outputs: 80, gated: "residual" },
    { rows: 24, inputs: 48, outputs: 80, tokens: 8, gated: "gate" },
    { rows: 24, inputs: 48, outputs: 80, tokens: 8, norm: true },
    { rows: 30, inputs: 36, outputs: 36, tokens: 10, norm: true, gated: "gate" },
  ])("multiply as ONNX Runtime's do: %o", async (sizes) => {
    const { build, given } = product(sizes);
    const x = given.x!.data as Float32Array;
    if (sizes.options) for (const [i, value] of x.entries()) x[i] = Math.max(value, GELU_LOWEST);
    const ours = await computed(build, given, true);
    // Where a value lies between two bytes, the last bit decides which of them it becomes.
    expect(deviation(ours, await computed(build, given, false))).toBeLessThan(0.003);
    expect(await computed(build, given, true, 2)).toEqual(ours);
  });

  test("a row of zeros gives the bias", async () => {
    const { build, given } = product({ rows: 3, inputs: 64, outputs: 70 });
    (given.x!.data as Float32Array).fill(0, 64, 128);
    const ours = await computed(build, given, true);
    expect(ours.slice(70, 140)).toEqual((await computed(build, given, false)).slice(70, 140));
  });

  test.each<[string, Case]>([
    ["as they are", { rows: 3, inputs: 64, outputs: 70 }],
    ["after a norm", { rows: 3, inputs: 64, outputs: 70, tokens: 1, norm: true }],
  ])("a row with a number that is none, or infinite, gives none: rows %s", async (_, sizes) => {
    const { build, given } = product(sizes);
    const x = given.x!.data as Float32Array;
    const before = await computed(build, given, true);
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      x[64 + 37] = wrong;
      const ours = await computed(build, given, true);
      expect(ours.slice(70, 140).every(Number.isNaN)).toBe(true);
      for (const [begin, end] of [
        [0, 70],
        [140, 210],
      ])
        expect(ours.slice(begin, end)).toEqual(before.slice(begin, end));
    }
  });

  test("SiLU of the most negative numbers is 0", async () => {
    const { build, given } = product({ rows: 24, inputs: 48, outputs: 80, project: { activation: "silu" } });
    const x = given.x!.data as Float32Array;
    x.set(x.map((value) => value * 1e37));
    const ours = await computed(build, given, true);
    expect(ours.some((value) => value > 1e36)).toBe(true);
    expect(ours.filter((value) => value <= 0).length).toBeGreaterThan(100);
    expect(ours.every((value) => value >= 0)).toBe(true);
  });

  test("a row's result does not depend on the other rows", async () => {
    const { build, given } = product({ rows: 150, inputs: 64, outputs: 70, project: { activation: "gelu-tanh" } });
    const all = await computed(build, given, true, 2);
    for (const row of [0, 77, 95, 96, 149]) {
      const lone = { x: { data: (given.x!.data as Float32Array).slice(row * 64, (row + 1) * 64), shape: [1, 64] } };
      const flat = { data: Float32Array.of(0), shape: [1, 1] };
      expect(await computed(build, { ...lone, flat }, true)).toEqual(all.slice(row * 70, (row + 1) * 70));
    }
  });

  test("inputs that are no multiple of four are ONNX Runtime's", async () => {
    const { build, given } = product({ rows: 5, inputs: 30, outputs: 20 });
    expect(await computed(build, given, true)).toEqual(await computed(build, given, false));
  });

  interface Heads {
    readonly sequences: number;
    readonly tokens: number;
    readonly width: number;
    readonly heads: number;
    readonly counts?: readonly number[];
  }
  function attention({ sequences, tokens, width, heads, counts }: Heads) {
    const name = `attention ${width}`;
    layer(name, width, 3 * width, [width, width, width]);
    const build: Build = (g) => {
      const x = g.input("x", "float32", ["rows", width]);
      const layout = g.ints([sequences, tokens]);
      const keyCounts = counts && {
        keyCounts: g.node("Cast", [g.input("counts", "int64", [sequences])], { attributes: { to: { int: 6 } } }),
      };
      const rows = new LinearInput(g, x, new RowZeroPoints(g, x));
      return selfAttention(g, name, { width, heads, ...keyCounts }, { rows, layout });
    };
    const given: Tensors = {
      x: wave([sequences * tokens, width]),
      ...(counts && { counts: { data: BigInt64Array.from(counts, BigInt), shape: [sequences] } }),
    };
    return { build, given };
  }

  test.each<Heads>([
    { sequences: 2, tokens: 256, width: 144, heads: 2 },
    { sequences: 1, tokens: 1, width: 16, heads: 4 },
    { sequences: 3, tokens: 7, width: 24, heads: 1 },
    { sequences: 2, tokens: 65, width: 64, heads: 2 },
    { sequences: 2, tokens: 31, width: 128, heads: 1 },
    { sequences: 1, tokens: 20, width: 60, heads: 4 },
    { sequences: 3, tokens: 50, width: 64, heads: 8, counts: [50, 1, 33] },
    { sequences: 2, tokens: 130, width: 96, heads: 3, counts: [64, 129] },
  ])("attend as ONNX Runtime's do: %o", async (sizes) => {
    const { build, given } = attention(sizes);
    const ours = await computed(build, given, true);
    expect(deviation(ours, await computed(build, given, false))).toBeLessThan(0.01);
    expect(await computed(build, given, true, 2)).toEqual(ours);
  });

  interface Images {
    readonly images?: number;
    readonly inputs: number;
    readonly outputs: number;
    readonly height: number;
    readonly width: number;
    readonly groups?: number;
    readonly upsamples?: true;
  }
  /** A residual block of a tokenizer, or its convolution after an upsampling. */
  function convolution({ images = 1, inputs, outputs, height, width, groups = 1, upsamples }: Images) {
    const name = `level ${inputs} ${outputs}.block.0`;
    const parts: [string, number[]][] = [
      ...[1, 2].flatMap((i): [string, number[]][] => [
        [`norm${i}.weight`, [i === 1 ? inputs : outputs]],
        [`norm${i}.bias`, [i === 1 ? inputs : outputs]],
        [`conv${i}.weight`, [outputs, i === 1 ? inputs : outputs, 3, 3]],
        [`conv${i}.bias`, [outputs]],
      ]),
      ["nin_shortcut.weight", [outputs, inputs, 1, 1]],
      ["nin_shortcut.bias", [outputs]],
    ];
    for (const [part, shape] of parts) {
      const byteLength = 4 * shape.reduce((product, size) => product * size, 1);
      const location = part.startsWith("norm") ? "norms" : "float32";
      weights.set(`${name}.${part}`, { location, offset: 0, byteLength, shape, type: "float32" });
    }
    const build: Build = (g) => {
      const x = g.input("x", "float32", ["images", inputs, height, width]);
      if (upsamples) return upsample(g, x, `${name}.conv1`);
      const t = { norm_groups: groups, norm_eps: 1e-6 };
      return levelBlocks(g, t, x, `level ${inputs} ${outputs}`, { blocks: 1, attention: false });
    };
    return { build, given: { x: wave([images, inputs, height, width]) } };
  }

  test.each<Images>([
    { inputs: 2, outputs: 2, height: 1, width: 1 },
    { inputs: 3, outputs: 7, height: 3, width: 5 },
    { inputs: 32, outputs: 32, height: 16, width: 16, groups: 32 },
    { inputs: 16, outputs: 13, height: 2, width: 67, groups: 1 },
    { inputs: 8, outputs: 24, height: 70, width: 3, groups: 4 },
    { inputs: 6, outputs: 150, height: 9, width: 8, upsamples: true },
    { images: 3, inputs: 12, outputs: 6, height: 13, width: 31, groups: 6 },
    { images: 2, inputs: 10, outputs: 18, height: 12, width: 20, upsamples: true },
  ])("convolve as ONNX Runtime's do: %o", async (sizes) => {
    const { build, given } = convolution(sizes);
    const ours = await computed(build, given, true);
    expect(deviation(ours, await computed(build, given, false))).toBeLessThan(0.005);
    expect(await computed(build, given, true, 2)).toEqual(ours);
  });

  test.each([0, 100, 5000])("convolve what lies around %d as ONNX Runtime's do", async (offset) => {
    const { build, given } = convolution({ inputs: 32, outputs: 32, height: 16, width: 16, groups: 4 });
    const x = given.x.data.map((value) => value / 8 + offset);
    const far = { x: { ...given.x, data: x } };
    const [ours, theirs] = await Promise.all([computed(build, far, true), computed(build, far, false)]);
    // the shortcut, exact on both sides, passes the offset on
    expect(Math.max(...ours.map((value, i) => Math.abs(value - theirs[i]!)))).toBeLessThan(0.02);
  });

  test("an image does not depend on the others of its run", async () => {
    const { build, given } = convolution({ images: 3, inputs: 8, outputs: 8, height: 11, width: 19, groups: 4 });
    const all = await computed(build, given, true, 2);
    const size = 8 * 11 * 19;
    for (const image of [0, 1, 2]) {
      const data = given.x.data.slice(image * size, (image + 1) * size);
      const lone = await computed(build, { x: { data, shape: [1, 8, 11, 19] } }, true);
      expect(lone).toEqual(all.slice(image * size, (image + 1) * size));
    }
  });

  test("the demo's decoder makes the same pixels, to within 2 of 255, and nearly always to within 1", async () => {
    const { architecture } = await readManifest("models", "demo");
    const files = await Promise.all(
      graphsOf(architecture).map((graph) => readFile(join("models/demo", MODEL_FILES[graph]))),
    );
    const open = (kernels: boolean) => {
      const options = { ...(kernels && { kernels: true as const }) };
      const variants = buildTokenizerGraphs(architecture, readWeights(files), options);
      return openRuntime("models/demo", { threads: 2, graphs: ["decode", "encode"], variants, ...options });
    };
    const [ours, theirs] = await Promise.all([open(true), open(false)]);
    const { latents } = await theirs.run("encode", {
      image: await sheetTiles("docs/demo.png", architecture.tokenizer.image_width),
    });
    const pixels = await Promise.all(
      [ours, theirs].map(
        async (runtime) => (await runtime.run("decode", { latents: latents! })).pixels!.data as Uint8Array,
      ),
    );
    const differences = [...pixels[0]!].map((value, i) => Math.abs(value - pixels[1]![i]!));
    const beyond = (limit: number) => differences.filter((difference) => difference > limit).length;
    expect(beyond(2)).toBe(0);
    expect(beyond(1)).toBeLessThan(differences.length / 10_000);
    expect(pixels[0]).not.toEqual(pixels[1]);
    await Promise.all([ours.close(), theirs.close()]);
  });

  test("refuse a number of keys that a sequence has not", async () => {
    const { build, given } = attention({ sequences: 2, tokens: 5, width: 16, heads: 2, counts: [5, 6] });
    await expect(computed(build, given, true)).rejects.toThrow("Attention: a sequence has no such number of keys.");
  });
});
