import { join } from "node:path";
import { expect, test } from "vitest";
import { checkTensors } from "../../../src/importer/architecture/tensor-table.js";
import type { TensorEntry } from "../../../src/importer/checkpoint/checkpoint.js";
import { openCheckpoint } from "../../../src/importer/checkpoint/open.js";
import { withReferenceNames } from "../../../src/importer/tokenizers/reference-names.js";
import { chooseWeights } from "../../../src/importer/weights/choose-weights.js";
import { REFERENCE } from "../../reference.js";
import { entriesOf, SMALL_TOKENIZER, tokenizerTable } from "../models.js";

const KL8 = join(REFERENCE, "systems/kl8");

test("the recorded names become the reference's, one for one", async () => {
  const namesIn = async (file: string) => {
    const checkpoint = await openCheckpoint(join(KL8, file));
    await checkpoint.close();
    const names = [...chooseWeights(checkpoint, "tokenizer").tensors.keys()];
    return names.filter((name) => !name.startsWith("loss.")).sort();
  };
  const diffusers = await namesIn("diffusers/diffusion_pytorch_model.safetensors");
  expect(diffusers).toEqual(await namesIn("model.ckpt"));
});

test("attention at any level, in its newer names, as linear layers", () => {
  const table = tokenizerTable(SMALL_TOKENIZER);
  const levels = SMALL_TOKENIZER.levels.length;
  const diffusers = new Map(
    [...entriesOf(table)].map(([name, entry]) => [diffusersName(name, levels), asLinear(entry)]),
  );
  expect(diffusers.get("decoder.up_blocks.0.attentions.1.to_out.0.weight")?.shape).toEqual([64, 64]);
  const renamed = withReferenceNames(diffusers);
  expect([...renamed.keys()].sort()).toEqual([...table.keys()].sort());
  checkTensors("tokenizer", table, renamed);
  const wrong = new Map(renamed).set("decoder.conv_in.weight", {
    ...renamed.get("decoder.conv_in.weight")!,
    shape: [64, 4],
  });
  expect(() => checkTensors("tokenizer", table, wrong)).toThrow("decoder.conv_in.weight has the shape [64, 4]");
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

/** An attention's layers are linear ones in diffusers. */
function asLinear(entry: TensorEntry): TensorEntry {
  const isLayer = /\.attn(\.|_)\d\.(q|k|v|proj_out)\.weight$/.test(entry.name);
  return isLayer ? { ...entry, shape: entry.shape.slice(0, 2) } : entry;
}
