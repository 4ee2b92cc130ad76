import { join } from "node:path";
import { expect, test } from "vitest";
import { openRuntime } from "../../../src/engine/runtime/onnx.js";
import { generatorTable } from "../../../src/families/mar/importing/tensors.js";
import { importModel } from "../../../src/importer/import.js";
import { graphsOf } from "../../../src/model/manifest.js";
import { expectAsAlone, imageRequest, WatchedBatch } from "../../engine/tiny-engine.js";
import {
  entriesOf,
  SMALL_CONFIG,
  SMALL_GENERATOR,
  temporaryPath,
  useTemporaryFolder,
  writeJson,
  writeRamps,
} from "../../importer/models.js";
import { REFERENCE } from "../../reference.js";

useTemporaryFolder();

test("a MAR model with patches of 2 x 2 latents of KL-8 is imported and gives the same bytes alone and in a batch", async () => {
  const { scale: _, ...vae } = { ...SMALL_CONFIG.vae, ch_mult: [1, 1, 2, 1] };
  const { folder, manifest } = await importModel({
    name: "kl8",
    generator: await writeRamps("generator.safetensors", entriesOf(generatorTable(SMALL_GENERATOR))),
    tokenizer: join(REFERENCE, "systems/kl8/model.ckpt"),
    arch: await writeJson("config.json", { mar: { ...SMALL_CONFIG.mar, img_size: 64, vae_stride: 8 }, vae }),
    precision: "fp32",
    modelsDir: temporaryPath("models"),
  });
  const { generator, tokenizer } = manifest.architecture;
  expect(generator).toMatchObject({ patch_size: 2, token_channels: 16, grid_width: 4 });
  expect(tokenizer).toMatchObject({ kind: "kl", scale: 0.18215, latent_width: 8, image_width: 64 });
  const runtime = await openRuntime(folder, { threads: 1, graphs: graphsOf(manifest.architecture) });
  const requests = [imageRequest({}, 1), imageRequest({ steps: 5, guidance_scale: 1 }, 2)];
  await expectAsAlone(new WatchedBatch(runtime, manifest), runtime, requests);
  await runtime.close();
});
