import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openRuntime } from "../../../src/engine/runtime/onnx.js";
import type { Runtime } from "../../../src/engine/runtime/runtime.js";
import { openFirstStage } from "../../../src/evaluation/parity/first-stage.js";
import { generatorTable } from "../../../src/families/mar/importing/tensors.js";
import type { TensorEntry } from "../../../src/importer/checkpoint/checkpoint.js";
import { openCheckpoint } from "../../../src/importer/checkpoint/open.js";
import { importModel } from "../../../src/importer/import.js";
import { chooseWeights } from "../../../src/importer/weights/choose-weights.js";
import { graphsOf, type Manifest } from "../../../src/model/manifest.js";
import { tokenizerOf } from "../../../src/tokenizers/tokenizers.js";
import { editOf, expectAsAlone, imageRequest, WatchedBatch } from "../../engine/tiny-engine.js";
import type { SafetensorsTensor } from "../../importer/checkpoint/writers.js";
import {
  entriesOf,
  SMALL_CONFIG,
  SMALL_GENERATOR,
  temporaryPath,
  useTemporaryFolder,
  writeJson,
  writeRamps,
  writeTensors,
} from "../../importer/models.js";
import { normals } from "../../model/random.js";
import { REFERENCE } from "../../reference.js";

useTemporaryFolder();

const VQ16 = join(REFERENCE, "systems/vq16");
const CODEBOOK = "quantize.embedding.weight";
const SIDE = 128;

/** A MAR model on the codebook's 8 x 8 latents of 8 channels. */
async function importOn(tokenizer: string, name: string) {
  const sizes = { ...SMALL_GENERATOR, tokenCount: 64, tokenChannels: 8 };
  return importModel({
    name,
    generator: await writeRamps("generator.safetensors", entriesOf(generatorTable(sizes))),
    tokenizer,
    arch: await writeJson("config.json", { mar: { ...SMALL_CONFIG.mar, patch_size: 1, img_size: SIDE } }),
    precision: "fp32",
    modelsDir: temporaryPath("models"),
    replace: true,
  });
}

describe("a MAR model on a codebook's latents", () => {
  let runtime: Runtime;
  let manifest: Manifest;
  beforeAll(async () => {
    const imported = await importOn(join(VQ16, "model.ckpt"), "vq");
    ({ manifest } = imported);
    runtime = await openRuntime(imported.folder, { threads: 1, graphs: graphsOf(manifest.architecture) });
  });
  afterAll(() => runtime?.close());

  test("is recognised by its tensors, and has no scale", () => {
    const shared = { latent_channels: 8, latent_width: 8, image_width: SIDE, encoder_levels: expect.any(Array) };
    expect(manifest.architecture.tokenizer).toMatchObject({ kind: "vq", codes: 256, scale: 1, ...shared });
  });

  test("gives the same bytes alone and in a batch, and edits images", async () => {
    const mask = new Uint8Array(SIDE * SIDE).fill(1, 0, SIDE * 40);
    const requests = [
      imageRequest({}, 1),
      imageRequest({ steps: 5 }, 2),
      { ...imageRequest({}, 3), edit: editOf(mask) },
    ];
    await expectAsAlone(new WatchedBatch(runtime, manifest), runtime, requests);
  });
});

/** The recorded tokenizer's tensors, with their bytes. */
async function loadTokenizer(): Promise<Record<string, SafetensorsTensor>> {
  const checkpoint = await openCheckpoint(join(VQ16, "model.ckpt"));
  try {
    const { tensors } = chooseWeights(checkpoint, "tokenizer");
    const read = async ({ dtype, shape, ...entry }: TensorEntry) => ({
      dtype,
      shape,
      bytes: await checkpoint.readBytes({ dtype, shape, ...entry }),
    });
    return Object.fromEntries(
      await Promise.all([...tensors].map(async ([name, entry]) => [name, await read(entry)] as const)),
    );
  } finally {
    await checkpoint.close();
  }
}

test("of equal codes the first is taken", async () => {
  const { [CODEBOOK]: codebook, ...tensors } = await loadTokenizer();
  const half = codebook!.bytes.subarray(codebook!.bytes.length / 2);
  const twice = { ...codebook!, bytes: Buffer.concat([half, half]) };
  const path = await writeTensors("twice.safetensors", { ...tensors, [CODEBOOK]: twice });
  await mkdir(temporaryPath("twice"));
  const { tokenizer, network } = await openFirstStage(temporaryPath("twice"), path, join(VQ16, "config.json"), {
    threads: 1,
  });
  const data = normals(8 * 64, 1);
  const build = tokenizerOf(tokenizer).buildDecode;
  const latents = { data, shape: [1, 8, 8, 8] };
  const { indices } = await network.run("decode", (...args) => build(tokenizer, ...args), { latents });
  const found = Array.from(indices!.data, Number);
  expect(Math.max(...found)).toBeLessThan(128);
  expect(new Set(found).size).toBeGreaterThan(10);
});

test("a codebook of another kind is no KL autoencoder", async () => {
  const { [CODEBOOK]: codebook, ...tensors } = await loadTokenizer();
  const path = await writeTensors("gumbel.safetensors", { ...tensors, "quantize.embed.weight": codebook! });
  await expect(importOn(path, "gumbel")).rejects.toThrow("The tokenizer is of no known kind; those known are kl, vq");
});
