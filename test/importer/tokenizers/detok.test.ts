import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { marSettings } from "../../../src/families/mar/importing/settings.js";
import { importModel } from "../../../src/importer/import.js";
import type { ImportOptions } from "../../../src/importer/options.js";
import type { DetokTokenizer } from "../../../src/model/tokenizer-architecture.js";
import { TINY } from "../../reference.js";
import { DEEP, DEEP_FILES, importDetok, SMALL, SMALL_FILES } from "../../tokenizers/detok/tiny-detok.js";
import { loadTensors, temporaryPath, useTemporaryFolder, writeJson, writeTensors } from "../models.js";

useTemporaryFolder();

let models = 0;
const refused = (change: Partial<ImportOptions>) =>
  importModel({
    name: "detok",
    ...DEEP_FILES,
    precision: "fp32",
    modelsDir: temporaryPath(`models-${models++}`),
    ...change,
  }).then(
    () => "imported",
    (error: Error) => error.message,
  );
/** Of the recordings' model, whose stats.pkl has NumPy arrays. */
const sizes = { latent_channels: 6, latent_height: 6, image_width: 24 };

describe("MAR on DeTok", () => {
  test("is recognised by its tensors; every size is theirs, heads and statistics are stated", async () => {
    const { manifest, warnings, folder } = await importDetok();
    expect(warnings).toEqual([]);
    const tokenizer = manifest.architecture.tokenizer as DetokTokenizer;
    expect(tokenizer).toMatchObject({
      kind: "detok",
      ...sizes,
      encoder: { width: 24, depth: 3, heads: 3, mlp_width: 64 },
      decoder: { width: 40, depth: 4, heads: 5, mlp_width: 106 },
    });
    expect([tokenizer.latent_mean.length, tokenizer.latent_std.length]).toEqual([6, 6]);
    expect(manifest.weight_files).toEqual(["generator.safetensors", "tokenizer.safetensors"]);
    expect(folder).toContain("detok");
  });

  test("a training checkpoint's averaged weights are taken, and a tensor's statistics read", async () => {
    const { weights, warnings, manifest } = await importDetok(SMALL_FILES);
    for (const network of ["generator", "tokenizer"] as const)
      expect(weights[network]).toMatchObject({ key: "model_ema", isAveraged: true });
    expect(warnings).toEqual([]);
    expect((manifest.architecture.tokenizer as DetokTokenizer).latent_std).toHaveLength(16);
  });

  test("without the encoder the model can't edit, and needs no tensor of it", async () => {
    const tensors = await loadTensors(DEEP_FILES.tokenizer);
    const decoder = Object.entries(tensors).filter(([name]) => name.startsWith("decoder."));
    const tokenizer = await writeTensors("decoder.safetensors", Object.fromEntries(decoder));
    const { manifest, warnings } = await importDetok({ tokenizer });
    expect(manifest.architecture.tokenizer).not.toHaveProperty("encoder");
    expect(warnings).toEqual(["The tokenizer has no encoder, so the model can't edit images."]);
  });

  test.each(["int8", "fp16"] as const)("%s deviates little from float32", async (precision) => {
    const { deviations } = await importDetok({ precision, verify: true });
    const allowed = { int8: 0.05, fp16: 0.005 }[precision];
    for (const { of, relativeRms } of deviations!) {
      expect(relativeRms, of).toBeGreaterThan(0);
      expect(relativeRms, of).toBeLessThan(allowed);
    }
  });
});

describe("statistics of the latents", () => {
  const both = (mean: unknown, std: unknown) => writeJson("stats.json", { mean, std });

  test("may be numbers in a .json, one for all channels or one for each", async () => {
    const { manifest } = await importDetok({ latentStats: { path: await both(0.5, [1, 2, 3, 4, 5, 6]) } });
    expect(manifest.architecture.tokenizer).toMatchObject({
      latent_mean: new Array(6).fill(0.5),
      latent_std: [1, 2, 3, 4, 5, 6],
    });
  });

  test("are needed, and fit", async () => {
    expect(await refused({ latentStats: undefined })).toContain(
      "give its stats.pkl, or a .json of mean and std, with --latent-stats",
    );
    expect(await refused({ latentStats: { path: join(SMALL, "stats.pkl") } })).toContain(
      "has a mean of 32 numbers; the tokenizer's latents have 6 channels",
    );
    expect(await refused({ latentStats: { path: await both(0, [1, 1, 1, 1, 1, 0]) } })).toContain("above zero");
    expect(await refused({ latentStats: { path: join(DEEP, "stats.pkl"), key: "other" } })).toContain(
      'has no statistics of "other"; it has "detok-BB-gamm3.0-m0.7"',
    );
    expect(await refused({ latentStats: { path: temporaryPath("none.pkl") } })).toContain("it does not exist");
  });

  test("are DeTok's alone", async () => {
    const tiny = { generator: join(TINY, "mar.safetensors"), tokenizer: join(TINY, "kl16.safetensors") };
    expect(await refused({ ...tiny, arch: join(TINY, "config.json") })).toContain("--latent-stats is for DeTok's");
  });
});

describe("what does not fit is refused by name", () => {
  const config = (detok: object) =>
    writeJson("config.json", { mar: { encoder_num_heads: 4, decoder_num_heads: 4 }, detok });

  test("heads that are missing, or impossible", async () => {
    expect(await refused({ arch: await config({ decoder_num_heads: 5 }) })).toContain(
      "A DeTok encoder of width 24 is not one of the published ones",
    );
    const odd = { encoder_num_heads: 3, decoder_num_heads: 4 };
    expect(await refused({ arch: await config(odd) })).toContain("4 heads of the DeTok decoder are not possible");
  });

  test("a generator of other latents, files that are swapped, a size without this tokenizer", async () => {
    expect(await refused({ generator: SMALL_FILES.generator, arch: SMALL_FILES.arch })).toMatch(
      /divided by the tokenizer's 6 latent channels must be a square number|do not belong together/,
    );
    expect(await refused({ generator: DEEP_FILES.tokenizer })).toContain("holds a tokenizer, not a generator");
    const tiny = { generator: join(TINY, "mar.safetensors"), tokenizer: join(TINY, "kl16.safetensors") };
    expect(await refused({ ...tiny, latentStats: undefined, arch: "detok-mar-b" })).toContain(
      "detok-mar-b says the encoder's width is 768",
    );
    expect(await refused({ ...tiny, latentStats: undefined, arch: await config({}) })).toContain(
      "says the tokenizer is detok, but the tensors say kl",
    );
  });
});

test("the published guidance goes with the tokenizer", async () => {
  const { architecture } = (await importDetok()).manifest;
  const guidance = (width: number, kind: "detok" | "kl") => {
    const generator = { ...architecture.generator, encoder: { width, depth: 12, heads: 12, mlp_width: 4 * width } };
    const settings = marSettings({ generator, tokenizer: { ...architecture.tokenizer, kind } } as never);
    return settings.defaults.guidance_scale;
  };
  expect([guidance(768, "detok"), guidance(1024, "detok")]).toEqual([3.9, 3.4]);
  expect([guidance(768, "kl"), guidance(1024, "kl"), guidance(1280, "detok")]).toEqual([2.9, 3.0, 3.2]);
});
