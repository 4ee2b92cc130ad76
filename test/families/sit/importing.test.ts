import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { SIT_SIZES } from "../../../src/families/sit/importing.js";
import { useTemporaryFolder, writeJson } from "../../importer/models.js";
import { REFERENCE } from "../../reference.js";
import { exampleDit, importDit } from "../dit/tiny-dit.js";
import { exampleSit, SIT_CHECKPOINTS } from "./tiny-sit.js";

useTemporaryFolder();

const SYSTEMS = join(REFERENCE, "systems");

describe("a SiT", () => {
  const small = { family: "sit", model: { num_heads: 4 } };

  test("is stated, because its tensors are a DiT's", async () => {
    const { manifest, warnings, weights } = await importDit({
      generator: join(SYSTEMS, "sit/checkpoint.pt"),
      arch: SIT_CHECKPOINTS.arch,
    });
    expect(warnings).toEqual([]);
    expect(weights.generator).toMatchObject({ key: "ema", isAveraged: true });
    expect(manifest.architecture.generator).toEqual(exampleSit());
    expect(manifest.defaults).toEqual({ steps: 250, guidance_scale: 4, sampler: "sde" });
    const stated = await importDit({ arch: await writeJson("sit.json", small) });
    expect(stated.manifest.architecture.generator).toEqual({ ...exampleDit(), family: "sit", learn_sigma: true });
  });

  test("is recognised where its last layer predicts no variance", async () => {
    const generator = join(SYSTEMS, "sit-patch-4/model.safetensors");
    const arch = await writeJson("heads-3.json", { model: { num_heads: 3 } });
    const { manifest } = await importDit({ generator, arch });
    expect(manifest.architecture.generator).toMatchObject({ family: "sit", learn_sigma: false, patch_size: 4 });
  });

  test.each(["int8", "fp16"] as const)("%s deviates little from float32", async (precision) => {
    const { deviations } = await importDit({ ...SIT_CHECKPOINTS, precision, verify: true });
    const [network] = deviations!.map(({ relativeRms }) => relativeRms);
    expect(network).toBeGreaterThan(1e-6);
    expect(network).toBeLessThan({ int8: 0.05, fp16: 0.005 }[precision]);
  });

  test("has twelve published sizes", () => {
    expect(SIT_SIZES.size).toBe(12);
    expect(SIT_SIZES.get("sit-xl-2")?.model).toMatchObject({ hidden_size: 1152, num_heads: 16, patch_size: 2 });
  });
});
