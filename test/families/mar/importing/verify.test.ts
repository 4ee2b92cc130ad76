import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { importModel } from "../../../../src/importer/import.js";
import type { ImportOptions } from "../../../../src/importer/options.js";
import type { ImportProgress } from "../../../../src/importer/progress.js";
import { loadTensors, temporaryPath, useTemporaryFolder, writeTensors } from "../../../importer/models.js";
import { expectPixelDeviation } from "../../../importer/pixel-deviation.js";
import { TINY } from "../../../reference.js";

useTemporaryFolder();

const options = (change: Partial<ImportOptions>): ImportOptions => ({
  name: "tiny",
  generator: join(TINY, "mar.safetensors"),
  tokenizer: join(TINY, "kl16.safetensors"),
  arch: join(TINY, "config.json"),
  precision: "int8",
  modelsDir: temporaryPath("models"),
  verify: true,
  settings: { defaults: { diffusion_steps: 12, max_timestep: 900 } },
  ...change,
});

/** The tiny model with some of a tensor's values multiplied. */
async function changed(tensor: string, factorOf: (index: number) => number): Promise<string> {
  const tensors = await loadTensors(join(TINY, "mar.safetensors"));
  const { bytes } = tensors[tensor]!;
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  values.forEach((value, i) => {
    values[i] = value * factorOf(i);
  });
  return writeTensors(`${tensor}.safetensors`, tensors);
}

test("the model is the same as without it, and nothing else is left", async () => {
  const { manifest, folder, deviations } = await importModel(options({ name: "verified" }));
  const plain = await importModel(options({ name: "plain", verify: false }));
  expect(manifest).toEqual({ ...plain.manifest, name: "verified" });
  expect(plain.deviations).toBeUndefined();
  expect(deviations!.map(({ of }) => of)).toEqual(["z", "sampled tokens", "pixels"]);
  expect((await readdir(folder)).sort()).toEqual((await readdir(plain.folder)).sort());
  expect((await readdir(temporaryPath("models"))).sort()).toEqual(["plain", "verified"]);
});

test("float32 runs, and has nothing to deviate from", async () => {
  const { deviations } = await importModel(options({ precision: "fp32", modelsDir: temporaryPath("exact") }));
  expect(deviations).toEqual([]);
});

test("a weight that int8 stores badly shows in z, and in z alone", async () => {
  const deviations = async (generator: string) => {
    const imported = await importModel(options({ generator, modelsDir: temporaryPath("outliers"), replace: true }));
    return imported.deviations!.map(({ relativeRms }) => relativeRms);
  };
  const [z, tokens, pixels] = await deviations(join(TINY, "mar.safetensors"));
  // One weight in fifty is 40 times as large, so the others get two bits.
  const [worseZ, sameTokens] = await deviations(
    await changed("decoder_blocks.1.mlp.fc2.weight", (i) => (i % 50 === 0 ? 40 : 1)),
  );
  expect(z).toBeGreaterThan(1e-4);
  expect(worseZ).toBeGreaterThan(1.5 * z!);
  expect(tokens).toBeGreaterThan(1e-4);
  expect(tokens).toBeLessThan(0.05);
  expect(sameTokens).toBeLessThan(0.05);
  expectPixelDeviation(pixels, "int8");
});

describe("nothing is written", () => {
  test("where numbers are not finite in the precision that was asked for", async () => {
    const modelsDir = temporaryPath("overflow");
    // 1e5 is no half-precision number, but no norm's input is too large for float32.
    const generator = await changed("encoder_norm.weight", () => 1e5);
    await importModel(options({ generator, modelsDir, precision: "fp32", name: "exact" }));
    await expect(importModel(options({ generator, modelsDir, precision: "fp16" }))).rejects.toThrow(
      "In fp16 the model makes z that are not finite numbers: in float32 it does not, so import it with --precision fp32.",
    );
    expect(await readdir(modelsDir)).toEqual(["exact"]);
  });

  test("where they are not even in float32", async () => {
    const generator = await changed("diffloss.net.final_layer.linear.weight", () => 1e36);
    const attempt = importModel(options({ generator, modelsDir: temporaryPath("diverged"), precision: "fp32" }));
    await expect(attempt).rejects.toThrow("In fp32 the model makes sampled tokens that are not finite numbers: its");
    await expect(readdir(temporaryPath("diverged"))).rejects.toThrow("ENOENT");
  });

  test.each([
    ["while the float32 model is written", ({ step }: ImportProgress) => step === "verifying"],
    [
      "while the models run",
      ({ step, doneBytes, totalBytes }: ImportProgress) => step === "verifying" && doneBytes === totalBytes,
    ],
  ])("when it is interrupted %s", async (_, isThen) => {
    const modelsDir = temporaryPath("interrupted");
    const stop = new AbortController();
    const onProgress = (progress: ImportProgress) => {
      if (isThen(progress)) stop.abort();
    };
    const attempt = importModel(options({ modelsDir, signal: stop.signal, onProgress }));
    await expect(attempt).rejects.toThrow("The import was cancelled; nothing was written.");
    await expect(readdir(modelsDir)).rejects.toThrow("ENOENT");
  });
});
