import { join } from "node:path";
import { expect, test } from "vitest";
import { withReferenceNames } from "../../../src/importer/architecture/diffusers-names.js";
import { tokenizerTable } from "../../../src/importer/architecture/tokenizer-tensors.js";
import { openCheckpoint } from "../../../src/importer/checkpoint/open.js";
import { REFERENCE } from "../../reference.js";
import { entriesOf, SMALL_TOKENIZER } from "../models.js";

const KL8 = join(REFERENCE, "systems/kl8");

async function shapesIn(path: string): Promise<[string, readonly number[]][]> {
  const checkpoint = await openCheckpoint(path);
  const shapes = [...withReferenceNames(checkpoint.tensors)].map(([name, { shape }]) => [name, shape] as const);
  await checkpoint.close();
  return shapes.map(([name, shape]): [string, readonly number[]] => [name, shape]).sort(([a], [b]) => (a < b ? -1 : 1));
}

test("the recorded names become the reference's, one for one, with its shapes", async () => {
  const named = await shapesIn(join(KL8, "model.safetensors"));
  expect(await shapesIn(join(KL8, "diffusers/diffusion_pytorch_model.safetensors"))).toEqual(named);
});

test("attention at any level, in its newer names; strides stay those of the elements", () => {
  const reference = entriesOf(tokenizerTable(SMALL_TOKENIZER));
  const levels = SMALL_TOKENIZER.levels.length;
  const diffusers = new Map([...reference].map(([name, entry]) => [diffusersName(name, levels), withoutKernel(entry)]));
  expect(diffusers.has("decoder.up_blocks.0.attentions.1.to_out.0.weight")).toBe(true);
  const renamed = withReferenceNames(diffusers);
  expect([...renamed.keys()].sort()).toEqual([...reference.keys()].sort());
  for (const [name, { shape, strides }] of renamed) {
    expect([name, shape]).toEqual([name, reference.get(name)!.shape]);
    if (strides) expect(strides).toEqual([1, shape[0], 1, 1]);
  }
});

/** What diffusers' convert_vae_pt_to_diffusers.py makes of a name. */
function diffusersName(name: string, levels: number): string {
  return name
    .replace(/^decoder\.up\.(\d+)/, (_, level) => `decoder.up_blocks.${levels - 1 - Number(level)}`)
    .replace(/^encoder\.down\./, "encoder.down_blocks.")
    .replace(/\.mid\.block_(\d)\./, (_, block) => `.mid_block.resnets.${Number(block) - 1}.`)
    .replace(".mid.attn_1.", ".mid_block.attentions.0.")
    .replace(/\.block\.(\d)\./, ".resnets.$1.")
    .replace(/\.attn\.(\d)\./, ".attentions.$1.")
    .replace("nin_shortcut", "conv_shortcut")
    .replace(/\.(up|down)sample\.conv/, ".$1samplers.0.conv")
    .replace("norm_out", "conv_norm_out")
    .replace(/(attentions\.\d\.)norm\./, "$1group_norm.")
    .replace(/(attentions\.\d\.)(q|k|v)\./, "$1to_$2.")
    .replace(/(attentions\.\d\.)proj_out\./, "$1to_out.0.");
}

/** Attention's layers as linear ones, transposed in memory. */
function withoutKernel(entry: ReturnType<typeof entriesOf> extends Map<string, infer Entry> ? Entry : never) {
  const isLayer = /\.attn(\.|_)\d\.(q|k|v|proj_out)\.weight$/.test(entry.name);
  return isLayer ? { ...entry, shape: entry.shape.slice(0, 2), strides: [1, entry.shape[0]!] } : entry;
}
