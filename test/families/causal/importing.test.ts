import { expect, it } from "vitest";
import { orderedTable } from "../../../src/families/causal/importing/ordered.js";
import { llamagenTable } from "../../../src/families/causal/importing.js";
import { deriveArchitecture } from "../../../src/importer/architecture/derive-architecture.js";
import { entriesOf, reshaped, smallTokenizer, useTemporaryFolder, without, writeJson } from "../../importer/models.js";
import { importCausal } from "./tiny-causal.js";

useTemporaryFolder();

const SIZES = {
  head_kind: "diffusion",
  tokenChannels: 16,
  head: { width: 20, depth: 2, frequency_channels: 64 },
  tokenCount: 16,
  classCount: 5,
  decoder: { width: 24, depth: 2, mlpWidth: 48 },
} as const;
const CONFIG = { order: "random", decoder_num_heads: 3, norm_eps: 1e-5 };

async function derive(causal: object, sizes: Parameters<typeof orderedTable>[0] = SIZES) {
  const arch = await writeJson(`${Math.random()}.json`, { causal, vae: { scale: 0.5 } });
  return deriveArchitecture(entriesOf(orderedTable(sizes)), smallTokenizer(), arch);
}

it("a causal generator of MAR's paper is recognised by its tensors, and its order is stated", async () => {
  const { architecture } = await derive(CONFIG);
  expect(architecture.generator).toMatchObject({
    ...{
      family: "causal",
      attention: "causal",
      order: "random",
      head_kind: "diffusion",
      patch_size: 2,
      class_count: 5,
    },
    decoder: { width: 24, depth: 2, heads: 3, mlp_width: 48 },
    norm_eps: 1e-5,
  });
  expect(architecture.tokenizer).not.toHaveProperty("encoder_levels");
});

it("what no tensor states must be stated, and fit", async () => {
  await expect(deriveArchitecture(entriesOf(orderedTable(SIZES)), smallTokenizer(), undefined)).rejects.toThrow(
    "state them with --arch config.json",
  );
  await expect(derive({ ...CONFIG, decoder_num_heads: 5 })).rejects.toThrow("gives the decoder 5 heads");
  await expect(derive({ ...CONFIG, decoder_depth: 3 })).rejects.toThrow("says causal.decoder_depth is 3");
  await expect(derive({ ...CONFIG, order: "spiral" })).rejects.toThrow("order");
  await expect(derive(CONFIG, { ...SIZES, head_kind: "categorical", codes: 9 } as never)).rejects.toThrow(
    "The generator makes 9 codes, and the tokenizer has none: they do not belong together.",
  );
});

it("a LlamaGen of another kind is refused by what it is", async () => {
  const tensors = entriesOf(llamagenTable({ width: 32, depth: 1, mlpWidth: 64, codes: 8, classCount: 5 }));
  const refusal = (generator: typeof tensors) =>
    expect(deriveArchitecture(generator, smallTokenizer(), undefined)).rejects;
  await refusal(without(tensors, "cls_embedding.embedding_table.weight")).toThrow(
    "is a LlamaGen for text, not for classes",
  );
  await refusal(reshaped(tensors, "layers.0.attention.wqkv.weight", [64, 32])).toThrow(
    "fewer heads of keys than of queries",
  );
  const stating = (claims: object) => writeJson("other.json", { model: { n_head: 4, block_size: 16, ...claims } });
  for (const [claims, message] of [
    [{ n_kv_head: 2 }, "n_kv_head is 2, but the tensors say 4"],
    [{ model_type: "t2i" }, '/model/model_type must be "c2i", not "t2i"'],
    [{ cls_token_num: 120 }, "/model/cls_token_num must be 1, not 120"],
  ] as const)
    await expect(importCausal({ arch: await stating(claims) })).rejects.toThrow(message);
});
