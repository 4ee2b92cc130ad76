import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkpointOfModel } from "../../bench/checkpoint/of-model.js";
import { openClassifier } from "../../bench/classifier.js";
import { openRuntime } from "../../src/engine/runtime/onnx.js";
import type { Runtime } from "../../src/engine/runtime/runtime.js";
import { predict } from "../../src/families/mar/predict.js";
import { importModel } from "../../src/importer/import.js";
import type { Deviation } from "../../src/importer/imported-family.js";
import { ALLOWED_DEVIATION } from "../../src/importer/options.js";
import { type Manifest, marArchitecture, type Precision } from "../../src/model/manifest.js";
import { readManifest } from "../../src/model/registry.js";
import { ImageNoise } from "../../src/model/sampler/noise.js";
import { generate, Marimba } from "../commands/marimba.js";
import { imageRequest, WatchedBatch, watched } from "../engine/tiny-engine.js";
import { type PredictRow, predictBatch, predictRow } from "../families/mar/batches.js";
import { samplePlainly } from "../families/mar/plain-sampler.js";
import { expectPixelDeviation } from "../importer/pixel-deviation.js";
import { relativeRms } from "../model/relative-rms.js";
import { MAR_GRAPHS } from "../model/tiny.js";
import { readPngText } from "../worker/png-chunks.js";

/** The embedded model, which was trained, in the precisions that its weights can be stored in. */
const MODELS = process.env.MARIMBA_TEST_MODELS ?? fileURLToPath(new URL("../../models", import.meta.url));
const DEMO = join(MODELS, "demo");

let modelsDir: string;
let demo: Manifest;
const manifests = new Map<Precision, Manifest>();
const runtimes = new Map<Precision, Runtime>();
const deviations = new Map<Precision, readonly Deviation[]>();

beforeAll(async () => {
  modelsDir = await mkdtemp(join(tmpdir(), "marimba-precision-"));
  demo = await readManifest(MODELS, "demo");
  const source = await checkpointOfModel(DEMO, demo, modelsDir);
  for (const precision of ["fp32", "int8", "fp16"] as const) {
    const imported = await importModel({ ...source, name: precision, precision, modelsDir, verify: true });
    const { manifest, folder } = imported;
    deviations.set(precision, imported.deviations!);
    manifests.set(precision, manifest);
    runtimes.set(precision, await openRuntime(folder, { threads: 1, graphs }));
  }
});
afterAll(async () => {
  for (const runtime of runtimes.values()) await runtime.close();
  await rm(modelsDir, { recursive: true, force: true });
});

const runtimeOf = (precision: Precision) => runtimes.get(precision)!;
const graphs = MAR_GRAPHS;
const quick = { steps: 8, diffusion_steps: 20, max_timestep: 940 };

test("imported anew from its own weights in float32, it makes the same images", async () => {
  const original = await openRuntime(DEMO, { threads: 1, graphs });
  const request = imageRequest(quick, 5);
  const image = await samplePlainly(original, demo.architecture, request);
  await original.close();
  expect(new Set(image).size).toBeGreaterThan(100);
  expect(await samplePlainly(runtimeOf("fp32"), demo.architecture, request)).toEqual(image);
});

test("the import's own check finds every precision within what is usual", () => {
  expect(deviations.get("fp32")).toEqual([]);
  for (const precision of ["int8", "fp16"] as const) {
    const [z, tokens, pixels] = deviations.get(precision)!.map(({ relativeRms }) => relativeRms);
    for (const deviation of [z, tokens]) {
      expect(deviation).toBeGreaterThan(1e-5);
      expect(deviation).toBeLessThan(ALLOWED_DEVIATION[precision]);
    }
    expectPixelDeviation(pixels, precision);
  }
});

describe.each([
  ["int8", 0.05],
  ["fp16", 0.005],
] as const)("z in %s", (precision, bound) => {
  /** From no known token to all but one. */
  const MASK_STATES = [0, 4, 16, 32, 48, 63];

  /** Deviation of z at every masked position, with and without a class, of the tokens [L, C] where they are known. */
  async function deviationsOf(tokensOf: (image: number) => Float32Array): Promise<number[]> {
    const { generator: a } = marArchitecture(demo.architecture);
    const C = a.token_channels;
    const found = [];
    for (const known of MASK_STATES) {
      const rows = [0, 1, 2, 3].map((image): PredictRow => {
        const row = predictRow(a, known, a.token_count - known, 50 + image);
        const tokens = tokensOf(image);
        const taken = row.positions.flatMap((position) => [...tokens.subarray(position * C, (position + 1) * C)]);
        return { ...row, tokens: Float32Array.from(taken), class: image % 2 === 0 ? 3 * image : a.class_count };
      });
      const batch = predictBatch(a, rows, known);
      const zIn = async (which: Precision) => (await predict(runtimeOf(which), a, batch)).z;
      const z = await zIn("fp32");
      found.push(relativeRms(await zIn(precision), z));
    }
    return found;
  }

  test(`is within ${100 * bound} % of float32's on tokens of unit variance`, async () => {
    const { token_count: L, token_channels: C } = demo.architecture.generator;
    const errors = await deviationsOf((image) => {
      const tokens = new Float32Array(L * C);
      const noise = new ImageNoise(17, image);
      for (let position = 0; position < L; position++) noise.fill(tokens, position * C, C, 0, position, 0);
      return tokens;
    });
    for (const error of errors) expect(error).toBeGreaterThan(1e-5);
    expect(Math.max(...errors), `${errors}`).toBeLessThan(bound);
  });

  test("and on the tokens of images that it makes", async () => {
    made ??= tokensOfImages();
    const images = await made;
    const errors = await deviationsOf((image) => images[image]!);
    expect(Math.max(...errors), `${errors}`).toBeLessThan(bound);
  });
});

/** The tokens [L, C] of four images that float32 makes, all of them known. */
async function tokensOfImages(): Promise<Float32Array[]> {
  const { token_count: L, token_channels: C } = demo.architecture.generator;
  const images: Float32Array[] = [];
  const runtime = watched(runtimeOf("fp32"), {
    decode: ({ latents }, run) => {
      const data = latents!.data as Float32Array;
      // A token is one latent pixel of this model: [C, L] -> [L, C].
      images.push(Float32Array.from(data, (_, i) => data[(i % C) * L + Math.floor(i / C)]!));
      return run();
    },
  });
  for (const image of [0, 1, 2, 3])
    await samplePlainly(runtime, demo.architecture, imageRequest({ ...quick, class: 3 * image }, image));
  return images;
}
let made: Promise<Float32Array[]> | undefined;

describe("in int8", () => {
  const requests = [
    imageRequest({ ...quick, class: 0 }, 7),
    imageRequest({ ...quick, class: 5, guidance_scale: 1 }, 8),
    imageRequest({ ...quick, class: null, steps: 5 }, 9),
    imageRequest({ ...quick, class: 11, steps: 12, diffusion_steps: 9, temperature: 0.9 }, 10),
    imageRequest({ ...quick, class: 2, order: "checkerboard" }, 7, 1),
  ];

  /** The images' fingerprints; those named in `late` join after the others' second step. */
  async function images(runtime: Runtime, indices: readonly number[], late: readonly number[] = []) {
    const batch = new WatchedBatch(runtime, manifests.get("int8")!);
    for (const index of indices) if (!late.includes(index)) batch.submit(index, requests[index]!);
    await batch.run((step) => {
      if (step === 2) for (const index of late) batch.submit(index, requests[index]!);
    });
    return indices.map((index) => batch.image(index));
  }

  test("an image is the same alone and in any company, with any number of threads", async () => {
    const all = requests.map((_, index) => index);
    const alone: string[] = [];
    for (const index of all) alone.push(...(await images(runtimeOf("int8"), [index])));
    expect(new Set(alone).size).toBe(requests.length);
    expect(await images(runtimeOf("int8"), all, [1, 3])).toEqual(alone);
    const threaded = await openRuntime(join(modelsDir, "int8"), { threads: 3, graphs });
    expect(await images(threaded, [4, 2, 1, 3], [2])).toEqual([4, 2, 1, 3].map((index) => alone[index]));
    await threaded.close();
  });

  test("POST /generate gives a PNG of what was asked for", async () => {
    const marimba = new Marimba(["serve"], { MODELS_DIR: modelsDir, MODELS: "int8", THREADS: "2" });
    const classifier = await openClassifier(join(DEMO, "classifier.onnx"));
    try {
      const address = await marimba.address();
      await marimba.prints(/^Ready\./m);
      const seeds = [1, 2, 3, 4];
      const answers = await Promise.all(
        seeds.map((seed) => generate(address, { ...quick, class: demo.classes[seed]!.name, seed })),
      );
      for (const [i, answer] of answers.entries()) {
        const png = Buffer.from(await answer.arrayBuffer());
        const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
        expect(info).toMatchObject({ width: 64, height: 64, channels: 3 });
        expect(readPngText(png)).toMatchObject({ model: "int8", model_hash: manifests.get("int8")!.hash });
        expect(await classifier.classify([data], info.width, info.height)).toEqual([seeds[i]]);
      }
    } finally {
      marimba.kill("SIGTERM");
      await marimba.ended;
      await classifier.close();
    }
  });
});
