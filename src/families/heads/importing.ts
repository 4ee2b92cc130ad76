import {
  countModules,
  sidesOf,
  type TableBuilder,
  type Tensors,
  wholeRoot,
} from "../../importer/architecture/tensor-table.js";
import { ImportError } from "../../importer/error.js";
import type { StatedTokenizer, TokenizerReading } from "../../importer/tokenizers/tokenizer-reading.js";
import type { MarArchitecture } from "../../model/manifest.js";
import type { Stack } from "../../model/shapes.js";

const NET = "diffloss.net";
const LOGITS = "diffloss.logits";

/** What the shapes say of a head, and of the tokens that the transformer sees. */
export type HeadSizes =
  | { readonly head_kind: "diffusion"; readonly tokenChannels: number; readonly head: MarArchitecture["head"] }
  | { readonly head_kind: "categorical"; readonly codes: number };

/** What the shapes say of a stack of timm's blocks. */
export interface StackSizes {
  readonly width: number;
  readonly depth: number;
  readonly mlpWidth: number;
}

/** The products of both heads that int8 stores. */
export const QUANTIZED_HEAD: readonly RegExp[] = [
  /^diffloss\.net\.res_blocks\.\d+\.(mlp\.[02]|adaLN_modulation\.1)\.weight$/,
  /^diffloss\.net\.final_layer\.adaLN_modulation\.1\.weight$/,
];
/** Those of the stacks. */
export const QUANTIZED_STACKS = /^(en|de)coder_blocks\.\d+\.(attn\.(qkv|proj)|mlp\.fc[12])\.weight$/;
/** What the diffusion head's last layer makes is multiplied by up to 20,000 (1 / sqrt(alpha-bar)), so fp16 leaves it in float32. */
export const NEVER_HALVED = /^diffloss\.net\.final_layer\.linear\./;

export function readHead(tensors: Tensors): HeadSizes {
  const side = sidesOf("generator", tensors);
  if (tensors.has(`${LOGITS}.weight`)) return { head_kind: "categorical", codes: side(`${LOGITS}.weight`, 0, 2) };
  // A head without blocks would otherwise pass for one of depth zero.
  side(`${NET}.res_blocks.0.in_ln.weight`, 0, 1);
  return {
    head_kind: "diffusion",
    tokenChannels: side("z_proj.weight", 1, 2),
    head: {
      width: side(`${NET}.input_proj.weight`, 0, 2),
      depth: countModules(tensors, `${NET}.res_blocks`),
      frequency_channels: side(`${NET}.time_embed.mlp.0.weight`, 1, 2),
    },
  };
}

export function readStack(tensors: Tensors, name: "encoder" | "decoder", width: number): StackSizes {
  const mlpWidth = sidesOf("generator", tensors)(`${name}_blocks.0.mlp.fc1.weight`, 0, 2);
  return { width, depth: countModules(tensors, `${name}_blocks`), mlpWidth };
}

/** The classes, and the tokens that the transformer sees, as wide as it is. */
export function addInputs(t: TableBuilder, head: HeadSizes, classCount: number, width: number): void {
  t.tensor("class_emb.weight", classCount, width);
  t.tensor("fake_latent", 1, width);
  if (head.head_kind === "diffusion") t.linear("z_proj", width, head.tokenChannels);
  else t.tensor("z_proj.weight", head.codes, width);
  t.norm("z_proj_ln", width);
}

export function addStack(t: TableBuilder, name: "encoder" | "decoder", { width, depth, mlpWidth }: StackSizes): void {
  for (let i = 0; i < depth; i++) {
    const block = `${name}_blocks.${i}`;
    t.norm(`${block}.norm1`, width);
    t.linear(`${block}.attn.qkv`, 3 * width, width);
    t.linear(`${block}.attn.proj`, width, width);
    t.norm(`${block}.norm2`, width);
    t.linear(`${block}.mlp.fc1`, mlpWidth, width);
    t.linear(`${block}.mlp.fc2`, width, mlpWidth);
  }
  t.norm(`${name}_norm`, width);
}

/** `zWidth`: of the transformer's output. */
export function addHead(t: TableBuilder, sizes: HeadSizes, zWidth: number): void {
  if (sizes.head_kind === "categorical") {
    t.linear(LOGITS, sizes.codes, zWidth);
    return;
  }
  const { width, depth, frequency_channels } = sizes.head;
  t.linear(`${NET}.time_embed.mlp.0`, width, frequency_channels);
  t.linear(`${NET}.time_embed.mlp.2`, width, width);
  t.linear(`${NET}.cond_embed`, width, zWidth);
  t.linear(`${NET}.input_proj`, width, sizes.tokenChannels);
  for (let i = 0; i < depth; i++) {
    const block = `${NET}.res_blocks.${i}`;
    t.norm(`${block}.in_ln`, width);
    t.linear(`${block}.mlp.0`, width, width);
    t.linear(`${block}.mlp.2`, width, width);
    t.linear(`${block}.adaLN_modulation.1`, 3 * width, width); // shift, scale, gate
  }
  t.linear(`${NET}.final_layer.adaLN_modulation.1`, 2 * width, width); // shift, scale
  t.linear(`${NET}.final_layer.linear`, 2 * sizes.tokenChannels, width); // eps, variance interpolation
}

/** The grid, which follows from the tokens and the tokenizer's latents. Throws `ImportError` where they do not belong together. */
export function gridOf(sizes: HeadSizes, tokenCount: number, tokenizer: TokenizerReading) {
  const grid = wholeRoot(tokenCount, `${tokenCount} tokens do not make a square grid.`);
  const counts = { grid_height: grid, grid_width: grid, token_count: tokenCount };
  if (sizes.head_kind === "categorical") return { ...counts, token_channels: 1, latent_channels: 1, patch_size: 1 };
  const { tokenChannels } = sizes;
  const patch = wholeRoot(
    tokenChannels / tokenizer.latentChannels,
    `The generator's ${tokenChannels} token channels divided by the tokenizer's ${tokenizer.latentChannels} latent channels must be a square number.`,
  );
  return { ...counts, token_channels: tokenChannels, latent_channels: tokenizer.latentChannels, patch_size: patch };
}

/** What the manifest says of the head. */
export function headOf(sizes: HeadSizes) {
  if (sizes.head_kind === "categorical") return { head_kind: "categorical" as const, codes: sizes.codes };
  return { head_kind: "diffusion" as const, head: sizes.head, train_timesteps: 1000 as const };
}

export function stackOf({ width, depth, mlpWidth }: StackSizes, heads: number): Stack {
  return { width, depth, heads, mlp_width: mlpWidth };
}

export function checkHeads(label: string, name: "encoder" | "decoder", { width, heads }: Stack): void {
  if (width % heads !== 0)
    throw new ImportError(`${label} gives the ${name} ${heads} heads, which do not divide its width of ${width}.`);
}

/** The tokenizer, whose codebook must be the generator's where that makes codes. Such models can't edit, so they need no encoder. */
export function tokenizerOf(sizes: HeadSizes, reading: TokenizerReading, latentSide: number, stated: StatedTokenizer) {
  if (sizes.head_kind === "diffusion") return reading.architecture(latentSide, stated);
  const tokenizer = reading.withoutEncoder().architecture(latentSide, stated);
  if (tokenizer.kind !== "vq" || tokenizer.codes !== sizes.codes)
    throw new ImportError(
      `The generator makes ${sizes.codes} codes, and the tokenizer has ${tokenizer.kind === "vq" ? tokenizer.codes : "none"}: they do not belong together.`,
    );
  return tokenizer;
}
