import { describe, expect, test } from "vitest";
import { generatorTable } from "../../../src/families/mar/importing/tensors.js";
import { deriveArchitecture } from "../../../src/importer/architecture/derive-architecture.js";
import { ImportError } from "../../../src/importer/error.js";
import {
  type Entries,
  entriesOf,
  reshaped,
  SMALL_CONFIG,
  SMALL_GENERATOR,
  SMALL_TOKENIZER,
  smallGenerator,
  smallTokenizer,
  tokenizerTable,
  useTemporaryFolder,
  without,
  writeJson,
} from "../models.js";

useTemporaryFolder();

async function derive(generator: Entries, tokenizer: Entries, config: unknown = SMALL_CONFIG) {
  return deriveArchitecture(generator, tokenizer, await writeJson("config.json", config));
}

async function refusal(generator: Entries, tokenizer: Entries, config: unknown = SMALL_CONFIG): Promise<string> {
  const error = await derive(generator, tokenizer, config).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ImportError);
  return (error as ImportError).message;
}

test("takes every size from the shapes, and heads, epsilon and scale from the config", async () => {
  const { architecture, warnings } = await derive(smallGenerator(), smallTokenizer());
  expect(warnings).toEqual([]);
  expect(architecture).toEqual({
    generator: {
      attention: "bidirectional",
      order: "random",
      head_kind: "diffusion",
      grid_height: 4,
      grid_width: 4,
      token_count: 16,
      token_channels: 16,
      latent_channels: 4,
      patch_size: 2,
      buffer_size: 3,
      class_count: 5,
      encoder: { width: 24, depth: 2, heads: 3, mlp_width: 48 },
      decoder: { width: 32, depth: 1, heads: 4, mlp_width: 80 },
      head: { width: 20, depth: 2, frequency_channels: 64 },
      norm_eps: 1e-5,
      train_timesteps: 1000,
    },
    tokenizer: {
      kind: "kl",
      latent_channels: 4,
      latent_height: 8,
      latent_width: 8,
      image_height: 32,
      image_width: 32,
      scale: 0.5,
      norm_groups: 32,
      norm_eps: 1e-6,
      levels: SMALL_TOKENIZER.levels,
      encoder_levels: SMALL_TOKENIZER.encoderLevels,
    },
  });
});

describe("published widths need no config", () => {
  const KL16 = tokenizerTable({
    ...SMALL_TOKENIZER,
    latentChannels: 16,
    innerChannels: 16,
    levels: [4, 3, 2, 1, 0].map((index) => ({ index, channels: 64, blocks: 3, attention: false, upsample: index > 0 })),
    encoderLevels: Array.from({ length: 5 }, () => ({ channels: 64, blocks: 2, attention: false })),
  });
  const published = (width: number, depth: number) => {
    const stack = { width, depth, mlpWidth: 4 * width };
    return entriesOf(generatorTable({ ...SMALL_GENERATOR, tokenCount: 256, encoder: stack, decoder: stack }));
  };
  test.each([
    ["mar-b", 768, 12, 12],
    ["mar-l", 1024, 16, 16],
    ["mar-h", 1280, 20, 16],
  ])("%s", async (name, width, depth, heads) => {
    for (const arch of [undefined, name]) {
      const { architecture } = await deriveArchitecture(published(width, depth), entriesOf(KL16), arch);
      expect(architecture.generator).toMatchObject({ encoder: { heads }, decoder: { heads }, norm_eps: 1e-6 });
      expect(architecture.tokenizer).toMatchObject({ scale: 0.2325, image_height: 256 });
    }
  });
  test("with patches of KL-8's latents", async () => {
    const sizes = { ...SMALL_TOKENIZER, stride: 8, levels: [{ ...SMALL_TOKENIZER.levels[0]!, index: 3 }] };
    const levels = [...sizes.levels, ...SMALL_TOKENIZER.levels];
    const kl8 = entriesOf(tokenizerTable({ ...sizes, levels, encoderLevels: undefined }));
    const { architecture } = await deriveArchitecture(published(768, 12), kl8, "mar-b");
    expect(architecture.generator).toMatchObject({ patch_size: 2, token_channels: 16, latent_channels: 4 });
    expect(architecture.tokenizer).toMatchObject({ scale: 0.18215, latent_width: 32, image_width: 256 });
  });
  test("another preset's name is contradicted", async () => {
    const attempt = deriveArchitecture(published(768, 12), entriesOf(KL16), "mar-l");
    await expect(attempt).rejects.toThrow("mar-l says the encoder's width is 1024, but the tensors say 768.");
  });
  test("another depth or tokenizer must be stated", async () => {
    await expect(deriveArchitecture(published(768, 11), entriesOf(KL16), undefined)).rejects.toThrow(
      "depth is 12, but",
    );
    const small = published(768, 12);
    await expect(deriveArchitecture(small, smallTokenizer(), undefined)).rejects.toThrow(
      "A tokenizer of 4 latent channels and stride 4 is not a published one",
    );
  });
  test("any other width must be stated", async () => {
    const attempt = deriveArchitecture(smallGenerator(), smallTokenizer(), undefined);
    await expect(attempt).rejects.toThrow("A generator of width 24 and 32 is not one of the published ones");
    await expect(deriveArchitecture(smallGenerator(), smallTokenizer(), "mar-x")).rejects.toThrow(
      '--arch "mar-x" is not known',
    );
  });
});

describe("tensors that do not fit are named with both shapes", () => {
  test("missing", async () => {
    const generator = without(smallGenerator(), "encoder_blocks.1.attn.proj.bias", "decoder_norm.weight");
    expect(await refusal(generator, smallTokenizer())).toBe(
      "The generator's tensors do not fit: encoder_blocks.1.attn.proj.bias is missing (expected [24]); " +
        "decoder_norm.weight is missing (expected [32]).",
    );
    const tokenizer = without(smallTokenizer(), "decoder.up.1.upsample.conv.weight", "decoder.up.1.upsample.conv.bias");
    expect(await refusal(smallGenerator(), tokenizer)).toContain("decoder.up.1.upsample.conv.weight is missing");
  });
  test.each([
    "z_proj.weight",
    "mask_token",
    "class_emb.weight",
    "diffusion_pos_embed_learned",
    "encoder_blocks.0.mlp.fc1.weight",
  ])("missing %s, a source of sizes", async (name) => {
    expect(await refusal(without(smallGenerator(), name), smallTokenizer())).toContain(`lacks the tensor ${name}`);
  });
  test("misshapen", async () => {
    const generator = reshaped(smallGenerator(), "decoder_blocks.0.attn.qkv.weight", [96, 31]);
    expect(await refusal(generator, smallTokenizer())).toContain(
      "decoder_blocks.0.attn.qkv.weight has the shape [96, 31] (expected [96, 32])",
    );
    const tokenizer = reshaped(smallTokenizer(), "decoder.conv_out.weight", [4, 32, 3, 3]);
    expect(await refusal(smallGenerator(), tokenizer)).toContain("[4, 32, 3, 3] (expected [3, 32, 3, 3])");
    const flat = reshaped(smallGenerator(), "mask_token", [32]);
    expect(await refusal(flat, smallTokenizer())).toContain("mask_token has the shape [32]; expected 3 dimensions");
  });
  test("integers", async () => {
    const generator = reshaped(smallGenerator(), "z_proj.bias", [24], "I64");
    expect(await refusal(generator, smallTokenizer())).toContain("z_proj.bias holds I64");
  });
  test("surplus: an error in the generator, a warning in the tokenizer", async () => {
    const generator = reshaped(smallGenerator(), "encoder_blocks.2.norm1.scale", [24]);
    expect(await refusal(generator, smallTokenizer())).toContain('"encoder_blocks.2.norm1.scale" [24] is not part of');
    const { warnings } = await derive(smallGenerator(), reshaped(smallTokenizer(), "extra.scale", []));
    expect(warnings).toEqual(['The tokenizer has tensors that are not used: "extra.scale".']);
    // Latent diffusion's files have them.
    expect((await derive(smallGenerator(), reshaped(smallTokenizer(), "loss.logvar", []))).warnings).toEqual([]);
  });
  test("a tokenizer without an encoder, in a warning; an encoder that is not whole, in an error", async () => {
    const isEncoders = (name: string) => /^(encoder|quant_conv)\./.test(name);
    const names = [...smallTokenizer().keys()].filter(isEncoders);
    const decoder = without(smallTokenizer(), ...names);
    const { architecture, warnings } = await derive(smallGenerator(), decoder);
    expect(architecture.tokenizer).not.toHaveProperty("encoder_levels");
    expect(warnings).toEqual(["The tokenizer has no encoder, so the model can't edit images."]);
    const damaged = without(smallTokenizer(), "quant_conv.bias", "encoder.down.1.attn.0.k.weight");
    expect(await refusal(smallGenerator(), damaged)).toMatch(
      /encoder\.down\.1\.attn\.0\.k\.weight is missing.*; quant_conv/,
    );
    const levels = names.filter((name) => name.startsWith("encoder.down.2."));
    expect(await refusal(smallGenerator(), without(smallTokenizer(), ...levels))).toContain(
      "2 levels and its decoder 3",
    );
  });
  test("many differences are counted, not listed", async () => {
    const names = [...smallGenerator().keys()].filter((name) => name.includes("_blocks.1.") && !name.includes("mlp.0"));
    expect(await refusal(without(smallGenerator(), ...names.slice(0, 11)), smallTokenizer())).toMatch(
      /; and 3 more\.$/,
    );
  });
  test("unreadable", async () => {
    const broken = smallGenerator();
    for (const name of ["z_proj.bias", "mask_token"]) {
      broken.set(name, { ...broken.get(name)!, problem: `tensor "${name}" is built with "a.b"` });
      expect(await refusal(broken, smallTokenizer())).toContain(`tensor "${name}" is built with "a.b"`);
    }
  });
});

describe("sizes that make no model", () => {
  const generatorOf = (change: object) => entriesOf(generatorTable({ ...SMALL_GENERATOR, ...change }));
  test.each([
    ["tokens in no square", generatorOf({ tokenCount: 15 }), "15 tokens do not make a square grid"],
    ["patches in no square", generatorOf({ tokenChannels: 8 }), "must be a square number"],
    ["fractions of patches", generatorOf({ tokenChannels: 18 }), "must be a square number"],
    ["no buffer", generatorOf({ bufferSize: 0 }), "16 encoder positions for 16 tokens"],
    ["a head without blocks", generatorOf({ head: { ...SMALL_GENERATOR.head, depth: 0 } }), "res_blocks.0"],
  ])("%s", async (_, generator, message) => {
    expect(await refusal(generator, smallTokenizer())).toContain(message);
  });
  test("channels that GroupNorm cannot divide", async () => {
    const tokenizer = entriesOf(tokenizerTable({ ...SMALL_TOKENIZER, topChannels: 48 }));
    expect(await refusal(smallGenerator(), tokenizer)).toContain("48 channels");
  });
});

describe("a config that the tensors contradict", () => {
  const { mar, vae } = SMALL_CONFIG;
  test.each([
    [{ mar: { ...mar, encoder_depth: 3 }, vae }, "config.json says mar.encoder_depth is 3, but the tensors say 2."],
    [{ mar: { ...mar, class_num: 6 }, vae }, "mar.class_num is 6, but the tensors say 5"],
    [{ mar: { ...mar, buffer_size: 4 }, vae }, "mar.buffer_size is 4, but the tensors say 3"],
    [{ mar: { ...mar, img_size: 64 }, vae }, "mar.img_size is 64, but the tensors say 32"],
    [{ mar: { ...mar, vae_stride: 8 }, vae }, "mar.vae_stride is 8, but the tensors say 4"],
    [{ mar: { ...mar, patch_size: 1 }, vae }, "mar.patch_size is 1, but the tensors say 2"],
    [{ mar: { ...mar, diffloss_w: 21 }, vae }, "mar.diffloss_w is 21, but the tensors say 20"],
    [{ mar: { ...mar, encoder_num_heads: 5 }, vae }, "5 heads, which do not divide its width of 24"],
    [{ mar, vae: { ...vae, embed_dim: 16 } }, "vae.embed_dim is 16, but the tensors say 4"],
    [{ mar, vae: { ...vae, ch_mult: [1, 2] } }, "ch_mult's length is 2, but the tensors say 3"],
    [{ mar, vae: { ...vae, ch_mult: [1, 2, 2] } }, "ch times ch_mult[1] is 64, but the tensors say 32"],
    [{ mar, vae: { ...vae, num_res_blocks: 2 } }, "num_res_blocks is 2, but the tensors say 1"],
    [{ mar, vae: { ...vae, scale: 0 } }, "/vae/scale must be"],
    [{ mar: { ...mar, decoder_num_heads: "4" }, vae }, "/mar/decoder_num_heads must be"],
    [{ vae }, "/mar is required"],
    [{ mar: { ...mar, norm_epss: 1e-5 }, vae }, "/mar/norm_epss is not a known field; did you mean norm_eps?"],
  ])("%j", async (config, message) => {
    expect(await refusal(smallGenerator(), smallTokenizer(), config)).toContain(message);
  });

  test("mlp_ratio, of either stack", async () => {
    const ratio = (mlp_ratio: number) => ({ mar: { ...mar, mlp_ratio }, vae });
    const message = await refusal(smallGenerator(), smallTokenizer(), ratio(3));
    expect(message).toContain("/config.json says mar.mlp_ratio (of the encoder) is 3, but the tensors say 2.");
    expect(await refusal(smallGenerator(), smallTokenizer(), ratio(2))).toContain(
      "(of the decoder) is 2, but the tensors say 2.5",
    );
  });
});
