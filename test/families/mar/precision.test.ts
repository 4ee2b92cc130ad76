import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Precision } from "../../../src/model/manifest.js";
import { normals, writeRandomModel } from "../../model/random.js";
import { relativeRms } from "../../model/relative-rms.js";
import { architectureOf, DEMO_SIZES } from "../../model/shapes.js";
import { denoiseBatch, denoiseRow, predictBatch, predictRow } from "./batches.js";
import { openTyped, type TypedRuntime } from "./typed-runtime.js";

/** Other precisions of one model differ from float32 by rounding, and by no more. */
const architecture = architectureOf(DEMO_SIZES);
const { generator: a, tokenizer: t } = architecture;

async function open(precision: Precision): Promise<TypedRuntime> {
  const folder = await writeRandomModel(architecture, 11, { precision });
  const runtime = await openTyped(folder, architecture);
  rmSync(folder, { recursive: true, force: true });
  return runtime;
}

let exact: TypedRuntime;
beforeAll(async () => {
  exact = await open("fp32");
});
afterAll(() => exact?.close());

describe.each([
  ["fp16", 0.005],
  ["int8", 0.05],
] as const)("%s", (precision, bound) => {
  let runtime: TypedRuntime;
  beforeAll(async () => {
    runtime = await open(precision);
  });
  afterAll(() => runtime?.close());

  test("z", async () => {
    const rows = Array.from({ length: 6 }, (_, i) => predictRow(a, 8 * i, 10, 20 + i));
    for (const known of [48, 64]) {
      const batch = predictBatch(a, rows, known);
      const error = relativeRms((await runtime.predict(batch)).z, (await exact.predict(batch)).z);
      expect(error).toBeGreaterThan(1e-5);
      expect(error).toBeLessThan(bound);
    }
  });

  test("tokens of a whole diffusion loop", async () => {
    const rows = Array.from({ length: 12 }, (_, i) => denoiseRow(a, 6, i < 8, 300 + 10 * i));
    const batch = denoiseBatch(a, rows, 6);
    const error = relativeRms((await runtime.denoise(batch)).x, (await exact.denoise(batch)).x);
    expect(error).toBeGreaterThan(1e-5);
    expect(error).toBeLessThan(bound);
  });

  test("pixels", async () => {
    const latents = normals(2 * t.latent_channels * t.latent_height * t.latent_width, 5).map(
      (value) => value * t.scale,
    );
    const [pixels, expected] = [await runtime.decode(latents), await exact.decode(latents)];
    expect(relativeRms(pixels.pixels, expected.pixels)).toBeLessThan(bound);
  });
});
