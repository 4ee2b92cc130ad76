import { countModules, type Tensors } from "../architecture/tensor-table.js";

/** Parts of a name that are called otherwise in diffusers' AutoencoderKL; `query` to `proj_attn` until diffusers 0.17. */
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
];

/**
 * A tokenizer's tensors by the names of the reference, whether the checkpoint has these or those of diffusers. diffusers
 * counts the decoder's levels from the smallest image, the reference from the largest. Its attention has linear layers.
 */
export function withReferenceNames(tensors: Tensors): Tensors {
  const levels = countModules(tensors, "decoder.up_blocks");
  if (levels === 0 && countModules(tensors, "encoder.down_blocks") === 0) return tensors;
  return new Map([...tensors].map(([name, entry]) => [referenceName(name, levels), entry]));
}

function referenceName(name: string, levels: number): string {
  if (!/^(en|de)coder\./.test(name)) return name;
  const counted = name.replace(
    /^decoder\.up_blocks\.(\d+)\./,
    (_, level) => `decoder.up_blocks.${levels - 1 - level}.`,
  );
  return PARTS.reduce((renamed, [pattern, part]) => renamed.replace(pattern, part), counted);
}
