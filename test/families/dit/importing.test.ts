import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ditTable } from "../../../src/families/dit/importing/tensors.js";
import { DIT_SIZES } from "../../../src/families/dit/importing.js";
import type { ImportOptions } from "../../../src/importer/options.js";
import type { DitArchitecture } from "../../../src/model/manifest.js";
import {
  entriesOf,
  loadTensors,
  useTemporaryFolder,
  writeJson,
  writeRamps,
  writeTensors,
} from "../../importer/models.js";
import { expectPixelDeviation } from "../../importer/pixel-deviation.js";
import { REFERENCE } from "../../reference.js";
import { DIT_CHECKPOINTS, exampleDit, importDit } from "./tiny-dit.js";

useTemporaryFolder();

const SYSTEMS = join(REFERENCE, "systems");
/** The recordings' config states no family. */
const TAKEN_FOR_DIT = [expect.stringContaining("imported as a DiT. A SiT has the same tensors")];
const refused = (change: Partial<ImportOptions>) =>
  importDit(change).then(
    () => "imported",
    (error: Error) => error.message,
  );

describe("a DiT and its KL-8", () => {
  test("every size is the tensors', the rest the config's; nothing is left for edits", async () => {
    const { manifest, warnings } = await importDit();
    expect(warnings).toEqual(TAKEN_FOR_DIT);
    expect(manifest.architecture.generator).toEqual(exampleDit());
    const arch = await writeJson("stated.json", { family: "dit", model: { num_heads: 4 } });
    expect((await importDit({ arch })).warnings).toEqual([]);
    expect(manifest.architecture.tokenizer).toMatchObject({ scale: 0.18215, image_width: 64, latent_width: 8 });
    expect(manifest.architecture.tokenizer).not.toHaveProperty("encoder_levels");
    expect(manifest.defaults).toEqual({ steps: 250, guidance_scale: 4, sampler: "ddpm" });
    expect(Object.keys(manifest.presets)).toEqual(["exact", "balanced", "fast"]);
  });

  test("the training checkpoint's averaged weights, and a bare state dict, are the same weights", async () => {
    const checkpoint = await importDit({
      generator: join(SYSTEMS, "dit/checkpoint.pt"),
      tokenizer: join(SYSTEMS, "kl8/model.ckpt"),
    });
    const released = await importDit({
      generator: join(SYSTEMS, "dit/released.pt"),
      tokenizer: join(SYSTEMS, "kl8/diffusers/diffusion_pytorch_model.safetensors"),
    });
    expect(checkpoint.weights.generator).toMatchObject({ key: "ema", isAveraged: true });
    expect(checkpoint.warnings).toEqual(TAKEN_FOR_DIT); // though the tokenizer's file has tensors of the loss
    expect(checkpoint.manifest.architecture).toEqual(released.manifest.architecture);
    expect(released.warnings).toEqual(TAKEN_FOR_DIT);
  });

  test("both forms of diffusers' attention are read", async () => {
    const tensors = await loadTensors(join(SYSTEMS, "kl8/diffusers/diffusion_pytorch_model.safetensors"));
    const newer = Object.fromEntries(
      Object.entries(tensors).map(([name, tensor]) => {
        const parts = { query: "to_q", key: "to_k", value: "to_v", proj_attn: "to_out.0" } as Record<string, string>;
        return [name.replace(/\.(query|key|value|proj_attn)\./, (_, part) => `.${parts[part]}.`), tensor];
      }),
    );
    const tokenizer = await writeTensors("newer.safetensors", newer);
    const { manifest } = await importDit({ tokenizer });
    const older = await importDit({ tokenizer: join(SYSTEMS, "kl8/diffusers/diffusion_pytorch_model.safetensors") });
    expect(manifest.architecture).toEqual(older.manifest.architecture);
  });

  test.each(["int8", "fp16"] as const)("%s deviates little from float32", async (precision) => {
    const { deviations } = await importDit({ precision, verify: true });
    expect(deviations!.map(({ of }) => of)).toEqual(["network output", "pixels"]);
    const [network, pixels] = deviations!.map(({ relativeRms }) => relativeRms);
    expect(network).toBeGreaterThan(1e-6);
    expect(network).toBeLessThan({ int8: 0.05, fp16: 0.005 }[precision]);
    expectPixelDeviation(pixels, precision);
  });
});

describe("the published sizes", () => {
  test.each([
    ["dit-s-8", 6, 8],
    ["dit-xl-2", 16, 2],
  ])("%s needs no config", async (name, heads, patchSize) => {
    const { hidden_size: width = 0 } = DIT_SIZES.get(name)!.model;
    const sizes = {
      width,
      depth: 1,
      mlpWidth: 8,
      latentChannels: 4,
      patchSize,
      tokenCount: 4,
      classCount: 2,
      frequencyChannels: 256,
      learnSigma: true,
    };
    const generator = await writeRamps(`${name}.safetensors`, entriesOf(ditTable(sizes)));
    const { manifest, warnings } = await importDit({ generator, arch: undefined });
    expect((manifest.architecture.generator as DitArchitecture).transformer.heads).toBe(heads);
    expect(manifest.architecture.tokenizer).toMatchObject({ scale: 0.18215 });
    expect(warnings).toEqual(TAKEN_FOR_DIT);
    expect(await refused({ generator, arch: name })).toMatch(/says depth is \d+, but the tensors say 1\.$/);
  });

  test("are twelve", () => {
    expect(DIT_SIZES.size).toBe(12);
  });
});

describe("what does not fit is refused by name", () => {
  test.each([
    ["mar-b", "--arch mar-b is not a DiT or SiT, but the checkpoint is."],
    [undefined, "A DiT or SiT of width 48 is not one of the published ones"],
  ])("--arch %s", async (arch, message) => {
    expect(await refused({ arch })).toContain(message);
  });

  test("heads that do not divide the width, claims that the tensors contradict", async () => {
    expect(await refused({ arch: await writeJson("heads.json", { model: { num_heads: 5 } }) })).toContain(
      "states 5 heads, which do not divide the width of 48",
    );
    const cosine = { model: { num_heads: 4 }, diffusion: { noise_schedule: "cosine" } };
    expect(await refused({ arch: await writeJson("cosine.json", cosine) })).toContain(
      '/diffusion/noise_schedule must be "linear", not "cosine"',
    );
    const claims = { num_heads: 4, num_classes: 1000 };
    const scaled = await writeJson("scale.json", { model: { num_heads: 4 }, vae: { scale: 5 } });
    expect(await refused({ arch: scaled })).toContain(
      "states vae.scale, which is for a MAR: a DiT's or SiT's scale stands at the top, as \"scale\".",
    );
    expect(await refused({ arch: await writeJson("classes.json", { model: claims }) })).toContain(
      "says num_classes is 1000, but the tensors say 10",
    );
    expect(
      await refused({ arch: await writeJson("sigma.json", { model: { num_heads: 4, learn_sigma: false } }) }),
    ).toContain("says learn_sigma is false, but the tensors say true");
  });

  test("a tokenizer of other latents, and a model without the variance's half", async () => {
    expect(await refused({ tokenizer: join(REFERENCE, "tiny/kl16.safetensors") })).toContain(
      "The generator's latents have 4 channels and the tokenizer's 16",
    );
    const tensors = await loadTensors(DIT_CHECKPOINTS.generator);
    for (const name of ["final_layer.linear.weight", "final_layer.linear.bias"]) {
      const { bytes, dtype, shape } = tensors[name]!;
      tensors[name] = { dtype, shape: [16, ...shape.slice(1)], bytes: bytes.slice(0, bytes.length / 2) };
    }
    const generator = await writeTensors("no-variance.safetensors", tensors);
    const stated = await writeJson("dit.json", { family: "dit", model: { num_heads: 4 } });
    expect(await refused({ generator, arch: stated })).toContain(
      "is a DiT, but the generator's last layer predicts no variance.",
    );
  });
});
