import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { normals, writeRandomModel } from "../../model/random.js";
import { architectureOf, ODD_SIZES, TINY_SIZES } from "../../model/shapes.js";
import {
  type DenoiseRow,
  denoiseBatch,
  denoiseRow,
  type PredictRow,
  predictBatch,
  predictRow,
  zOfRows,
} from "./batches.js";
import { openTyped, type TypedRuntime } from "./typed-runtime.js";

/** An image is a function of its request alone: a row's bits are the same whatever other rows share the run. */
describe.each([
  ["odd sizes", ODD_SIZES, "fp32", 1],
  ["odd sizes", ODD_SIZES, "fp32", 2],
  ["odd sizes", ODD_SIZES, "int8", 1],
  ["odd sizes", ODD_SIZES, "int8", 2],
  ["tiny", TINY_SIZES, "fp32", 2],
  ["tiny", TINY_SIZES, "int8", 2],
] as const)("%s in %3$s, %4$d threads", (_, sizes, precision, threads) => {
  const architecture = architectureOf(sizes);
  const { generator: a, tokenizer: t } = architecture;
  let folder: string;
  let runtime: TypedRuntime;
  let single: TypedRuntime;
  beforeAll(async () => {
    folder = await writeRandomModel(architecture, 5, { precision });
    runtime = await openTyped(folder, architecture, { threads });
    single = await openTyped(folder, architecture);
  });
  afterAll(async () => {
    await runtime?.close();
    await single?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const padded = Math.floor(a.token_count / 2);
  const rows = Array.from({ length: 40 }, (_, i) => predictRow(a, (i * 7) % (padded + 1), 1 + (i % 6), 100 + 10 * i));

  const targetCount = 8;
  const predict = async (r: TypedRuntime, some: readonly PredictRow[], known: number, filler = 0) => {
    const { z } = await r.predict(predictBatch(a, some, known, { filler, targetCount }));
    return zOfRows(some, z, targetCount);
  };

  test("predict: alone or among up to 40 rows, in any order, whatever the padding holds", async () => {
    const alone: Float32Array[] = [];
    for (const row of rows) alone.push(...(await predict(single, [row], padded)));
    for (const count of [1, 2, 3, 5, 16, 40])
      expect(await predict(runtime, rows.slice(0, count), padded, 3)).toEqual(alone.slice(0, count));
    expect(await predict(runtime, rows.toReversed(), padded)).toEqual(alone.toReversed());
  });

  test("predict: one target or many, and any amount of padding", async () => {
    const row = predictRow(a, 4, targetCount, 7);
    const [z] = await predict(runtime, [row], 4);
    for (const [i, target] of row.targets.entries()) {
      const [one] = await predict(runtime, [{ ...row, targets: [target] }], 4);
      expect(one).toEqual(z!.slice(i * a.decoder.width, (i + 1) * a.decoder.width));
    }
    for (const known of [5, 7, 8, 15, 20]) expect(await predict(runtime, [row], known)).toEqual([z]);
  });

  test("predict: no known token, padded or not", async () => {
    const row = predictRow(a, 0, 5, 3);
    const [z] = await predict(runtime, [row], 0);
    expect(z!.every(Number.isFinite)).toBe(true);
    expect(await predict(runtime, [row], 8, 7)).toEqual([z]);
  });

  const steps = 6;
  const guided = Array.from({ length: 20 }, (_, i) => denoiseRow(a, steps, true, 1000 + 10 * i));
  const plain = Array.from({ length: 20 }, (_, i) => denoiseRow(a, steps, false, 5000 + 10 * i));

  test("denoise: alone or among others, with and without guidance", async () => {
    const alone = new Map<DenoiseRow, Float32Array>();
    for (const row of [...guided, ...plain]) alone.set(row, (await single.denoise(denoiseBatch(a, [row], steps))).x);
    const counts = [
      [2, 0],
      [0, 2],
      [1, 1],
      [3, 4],
      [7, 1],
      [1, 7],
      [20, 20],
    ] as const;
    for (const [m, n] of counts) {
      const batch = [...guided.slice(0, m), ...plain.slice(0, n)];
      const { x } = await runtime.denoise(denoiseBatch(a, batch, steps));
      expect(x).toEqual(joined(batch.map((row) => alone.get(row) as Float32Array)));
    }
  });

  test("denoise: any slicing of the steps", async () => {
    const batch = [...guided.slice(0, 3), ...plain.slice(0, 2)];
    const whole = (await runtime.denoise(denoiseBatch(a, batch, steps))).x;
    for (const cuts of [
      [0, 1, 6],
      [0, 2, 4, 6],
      [0, 1, 2, 3, 4, 5, 6],
    ]) {
      let x: Float32Array = joined(batch.map((row) => row.x));
      for (let i = 0; i + 1 < cuts.length; i++) {
        x = (await runtime.denoise({ ...denoiseBatch(a, batch, steps, cuts[i], cuts[i + 1]), x })).x;
      }
      expect(x).toEqual(whole);
    }
  });

  test("decode: any number of images", async () => {
    const size = t.latent_channels * t.latent_height * t.latent_width;
    const latents = normals(size * 5, 77).map((value) => value * t.scale);
    const alone = [];
    for (let i = 0; i < 5; i++) {
      alone.push((await single.decode(latents.slice(i * size, (i + 1) * size))).pixels);
    }
    expect(new Set(alone[0]).size).toBeGreaterThan(50);
    for (const count of [2, 3, 5]) {
      const { pixels } = await runtime.decode(latents.slice(0, count * size));
      expect(Buffer.from(pixels).equals(Buffer.concat(alone.slice(0, count)))).toBe(true);
    }
  });
});

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
