import { countModules, type Tensors } from "../architecture/tensor-table.js";

/** Parts of a name in diffusers' AutoencoderKL (`query` to `proj_attn` until diffusers 0.17), then in LlamaGen's VQModel. */
const PARTS: readonly (readonly [RegExp, string])[] = [
  [/^(en|de)coder\.conv_norm_out\./, "$1coder.norm_out."],
  [/\.mid_block\.attentions\.0\./, ".mid.attn_1."],
  [/\.mid_block\.resnets\.0\./, ".mid.block_1."],
  [/\.mid_block\.resnets\.1\./, ".mid.block_2."],
  [/\.down_blocks\./, ".down."],
  [/\.up_blocks\./, ".up."],
  [/\.resnets\./, ".block."],
  [/\.attentions\./, ".attn."],
  [/\.downsamplers\.0\./, ".downsample."],
  [/\.upsamplers\.0\./, ".upsample."],
  [/\.conv_shortcut\./, ".nin_shortcut."],
  [/\.group_norm\./, ".norm."],
  [/\.(to_q|query)\./, ".q."],
  [/\.(to_k|key)\./, ".k."],
  [/\.(to_v|value)\./, ".v."],
  [/\.(to_out\.0|proj_attn)\./, ".proj_out."],
  [/^encoder\.conv_blocks\./, "encoder.down."],
  [/^decoder\.conv_blocks\./, "decoder.up."],
  [/\.res\./, ".block."],
  [/\.mid\.0\./, ".mid.block_1."],
  [/\.mid\.1\./, ".mid.attn_1."],
  [/\.mid\.2\./, ".mid.block_2."],
];
/** The decoder's levels, where they are counted from the smallest image and not, as in the reference, from the largest. */
const LEVELS = /^decoder\.(up_blocks|conv_blocks)\.(\d+)\./;

/**
 * An autoencoder's tensors by the names of the reference, whether the checkpoint has these, those of diffusers, whose attention has
 * linear layers, or those of LlamaGen.
 */
export function withReferenceNames(tensors: Tensors): Tensors {
  const levels = countModules(tensors, "decoder.up_blocks") + countModules(tensors, "decoder.conv_blocks");
  if (levels === 0 && countModules(tensors, "encoder.down_blocks") === 0) return tensors;
  return new Map([...tensors].map(([name, entry]) => [referenceName(name, levels), entry]));
}

/** Whether the autoencoder is LlamaGen's, by the names in the checkpoint. */
export function isLlamaGen(tensors: Tensors): boolean {
  return [...tensors.values()].some(({ name }) => name.includes("decoder.conv_blocks."));
}

function referenceName(name: string, levels: number): string {
  if (!/^(en|de)coder\./.test(name)) return name;
  const counted = name.replace(LEVELS, (_, module, level) => `decoder.${module}.${levels - 1 - level}.`);
  return PARTS.reduce((renamed, [pattern, part]) => renamed.replace(pattern, part), counted);
}
