import { expect, test } from "vitest";
import { buildGraphs } from "../../../src/model/graph/index.js";
import { TINY_ARCHITECTURE, tinyWeights } from "../tiny.js";
import { writtenNodes } from "./onnx-reader.js";

// The recordings can't tell an epsilon of 1e-5 from one of 1e-6: what the graphs say is checked where they say it.
// Each network states an epsilon of its own here, so that none can take another's.
const { generator, tokenizer } = TINY_ARCHITECTURE;
const architecture = {
  generator: { ...generator, norm_eps: 3e-6 },
  tokenizer: { ...tokenizer, norm_eps: 5e-6 },
};
const graphs = buildGraphs(architecture, tinyWeights());

/** Epsilon by the name of the norm's scale. */
function epsilons(model: Uint8Array, op: string): [string, number][] {
  return writtenNodes(model)
    .filter((node) => node.op === op)
    .map((node) => [node.inputs[1]!, node.floats.epsilon!]);
}

test("predict: z_proj_ln has 1e-6 always, every other LayerNorm the architecture's norm_eps", () => {
  const expected = new Map([["z_proj_ln.weight", Math.fround(1e-6)]]);
  for (const side of ["encoder", "decoder"] as const) {
    for (let i = 0; i < generator[side].depth; i++)
      for (const norm of ["norm1", "norm2"])
        expected.set(`${side}_blocks.${i}.${norm}.weight`, Math.fround(architecture.generator.norm_eps));
    expected.set(`${side}_norm.weight`, Math.fround(architecture.generator.norm_eps));
  }
  expect(new Map(epsilons(graphs.predict, "LayerNormalization"))).toEqual(expected);
});

test("predict: every GELU is the exact one", () => {
  const kinds = writtenNodes(graphs.predict)
    .filter((node) => node.op === "Gelu")
    .map((node) => node.texts.approximate);
  expect(kinds).toEqual(new Array(generator.encoder.depth + generator.decoder.depth).fill("none"));
});

test("denoise: every LayerNorm has 1e-6, whatever the architecture says, and the final one no weights", () => {
  const expected: [string, number][] = [];
  for (let i = 0; i < generator.head.depth; i++)
    expected.push([`diffloss.net.res_blocks.${i}.in_ln.weight`, Math.fround(1e-6)]);
  expected.push([`floats(ones ${generator.head.width})`, Math.fround(1e-6)]);
  expect(epsilons(graphs.denoise, "LayerNormalization")).toEqual(expected);
});

test("decode: every GroupNorm has the tokenizer's norm_eps", () => {
  const found = epsilons(graphs.decode, "InstanceNormalization").map(([, epsilon]) => epsilon);
  const blocks = tokenizer.levels.reduce((sum, level) => sum + level.blocks, 0);
  // Two in each residual block (two of which are in the middle), one in the attention, one at the end.
  expect(found).toEqual(new Array(2 * (blocks + 2) + 2).fill(Math.fround(architecture.tokenizer.norm_eps)));
});
