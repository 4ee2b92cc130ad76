import { expect, it } from "vitest";
import { orderedTable } from "../../../src/families/causal/importing/ordered.js";
import { deriveArchitecture } from "../../../src/importer/architecture/derive-architecture.js";
import { entriesOf, smallTokenizer, useTemporaryFolder, writeJson } from "../../importer/models.js";

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
