import { expect, test } from "vitest";
import { ditTable } from "../../../src/families/dit/importing/tensors.js";
import { buildPredict } from "../../../src/families/dit/predict-graph.js";
import type { WeightLocation } from "../../../src/model/graph/weights.js";
import { nodesOf, readModel } from "../../model/graph/read-onnx.js";
import { exampleDit } from "./tiny-dit.js";

/** What recordings alone do not show: an epsilon of 1e-5 for 1e-6 changes less than rounding does. */
const model = exampleDit();
const { width, depth, mlp_width: mlpWidth, heads } = model.transformer;
const table = ditTable({
  width,
  depth,
  mlpWidth,
  latentChannels: model.latent_channels,
  patchSize: model.patch_size,
  tokenCount: model.token_count,
  classCount: model.class_count,
  frequencyChannels: model.frequency_channels,
  learnSigma: true,
});
const weights = new Map<string, WeightLocation>();
for (const [name, shape] of table) {
  const byteLength = 4 * shape.reduce((product, side) => product * side, 1);
  weights.set(name, { location: "weights.bin", offset: 64 * weights.size, byteLength, shape, type: "float32" });
}
const graph = readModel(buildPredict(model, weights, {})).graph;

test("every norm has an epsilon of 1e-6 and no weights of the model's", () => {
  const norms = nodesOf(graph, "LayerNormalization");
  expect(norms.length).toBe(2 * depth + 1);
  for (const { attributes, inputs } of norms) {
    expect(attributes.epsilon).toBeCloseTo(1e-6, 12);
    expect(inputs.slice(1)).toEqual([`floats(ones ${width})`]);
  }
});

test("attention has the config's heads and their scale", () => {
  const attention = nodesOf(graph, "MultiHeadAttention");
  expect(attention.length).toBe(depth);
  for (const { attributes } of attention) {
    expect(attributes.num_heads).toBe(heads);
    expect(attributes.scale).toBeCloseTo((width / heads) ** -0.5, 6);
  }
});

test("every weight is used, and nothing else is needed", () => {
  const used = new Set([...graph.initializers.keys()].map((name) => name.replace(/\[.*$/, "")));
  expect([...table.keys()].filter((name) => !used.has(name))).toEqual([]);
  weights.delete("pos_embed");
  expect(() => buildPredict(model, weights, {})).toThrow("pos_embed");
});
