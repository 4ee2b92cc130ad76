import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { networksOf, TABLES } from "../../bench/paper-table/tables.js";

const configOf = async (file: string) =>
  JSON.parse(await readFile(new URL(`../../training/configs/${file}`, import.meta.url), "utf8"));

it("measures networks that training/ has configurations for, with what the row says of them", async () => {
  for (const { network, steps, labels } of TABLES.flatMap(({ rows }) => rows)) {
    const { generator } = await configOf(network.config);
    const { family, sizes } = generator;
    if (labels.includes("cross-entropy")) expect(sizes.codes).toBeGreaterThan(1);
    if (labels.includes("diffusion")) expect(sizes).toHaveProperty("diffloss_w");
    if (labels.includes("causal"))
      expect({ family, order: sizes.order, steps }).toEqual({ family: "causal", order: labels[0], steps: 64 });
    else expect(family).toBe("mar");
  }
});

it("has the widths of the third table's heads", async () => {
  for (const { network, labels } of TABLES[2]!.rows)
    expect((await configOf(network.config)).generator.sizes.diffloss_w).toBe(Number(labels[1]));
});

it("trains the tokenizer of a network before it", async () => {
  const networks = networksOf(TABLES.slice(0, 1));
  expect(networks).toHaveLength(6);
  for (const { config, tokenizerOf } of networks)
    expect((await configOf(config)).tokenizer.checkpoint).toBe(`../../.work/${tokenizerOf!.model}/out/tokenizer.ckpt`);
});
