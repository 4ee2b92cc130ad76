import { expect, test } from "vitest";
import { buildGraphs } from "../../../src/families/families.js";
import { constant, maker, nodesOf, type ReadGraph, type ReadNode, readModel } from "../../model/graph/read-onnx.js";
import { weightsOf } from "../../model/graph/weights.js";
import { architectureOf, type MarOnKl, ODD_SIZES } from "../../model/shapes.js";

/**
 * What recordings alone do not show: an epsilon of 1e-5 for 1e-6 changes less than rounding does. Each number below is
 * stated in the reference's source (models/mar.py, models/diffloss.py, models/vae.py), and every size differs from its
 * neighbours so that none can stand for another.
 */
const odd = architectureOf(ODD_SIZES);
const architecture: MarOnKl = {
  generator: { ...odd.generator, norm_eps: 3e-5 },
  tokenizer: { ...odd.tokenizer, norm_eps: 7e-6, norm_groups: 16 },
};
const { generator: a, tokenizer: t } = architecture;
const weights = weightsOf(architecture);
const graphs = buildGraphs(architecture, weights);
const predict = readModel(graphs.predict!).graph;
const denoise = readModel(graphs.denoise!).graph;
const decode = readModel(graphs.decode!).graph;
const scan = nodesOf(denoise, "Scan")[0] as ReadNode;
const step = scan.attributes.body as ReadGraph;

const inputs = (graph: ReadGraph) => graph.inputs.map(({ name, type, shape }) => [name, type, ...shape]);
const outputs = (graph: ReadGraph) => graph.outputs.map(({ name, type, shape }) => [name, type, ...shape]);
const FLOAT = 1;
const UINT8 = 2;
const INT64 = 7;

test("inputs and outputs are the runtime's, in float32, int64 and uint8", () => {
  expect(inputs(predict)).toEqual([
    ["tokens", FLOAT, "rows", "known", 12],
    ["positions", INT64, "rows", "known"],
    ["known_counts", INT64, "rows"],
    ["classes", INT64, "rows"],
    ["placement", INT64, "rows", 25],
    ["targets", INT64, "rows", "targets"],
  ]);
  expect(outputs(predict)).toEqual([["z", FLOAT, "rows", "targets", 84]]);
  expect(inputs(denoise)).toEqual([
    ["x", FLOAT, "rows", 12],
    ["z", FLOAT, "rows", 84],
    ["z_unconditional", FLOAT, "guided", 84],
    ["guidance", FLOAT, "guided"],
    ["temperature", FLOAT, "rows"],
    ["noise", FLOAT, "steps", "rows", 12],
    ["frequencies", FLOAT, "steps", 256],
    ["coefficients", FLOAT, "steps", 7],
  ]);
  expect(outputs(denoise)).toEqual([["x_out", FLOAT, "rows", 12]]);
  expect(inputs(decode)).toEqual([["latents", FLOAT, "images", 3, 10, 10]]);
  expect(outputs(decode)).toEqual([["pixels", UINT8, "images", 40, 40, 3]]);
});

test("exposed graphs add what lies between", () => {
  const exposed = buildGraphs(architecture, weights, { expose: true });
  const names = (bytes: Uint8Array) => readModel(bytes).graph.outputs.map(({ name }) => name);
  expect(names(exposed.predict!)).toEqual(["z", "encoder", "decoder"]);
  expect(names(exposed.denoise!)).toEqual(["x_out", "network"]);
  expect(names(exposed.decode!)).toEqual(["pixels", "image", "post_quant", "mid"]);
});

test("every weight is used, where it lies and as it lies", () => {
  const used = new Set<string>();
  for (const graph of [predict, denoise, decode]) {
    const read = new Set([...graph.nodes, ...step.nodes].flatMap((node) => node.inputs));
    for (const [name, tensor] of graph.initializers) {
      expect(read).toContain(name);
      if (!tensor.external) continue;
      const [, whole = "", start] = /^([^[]*)(?:\[(\d+):\d+\])?$/.exec(name) ?? [];
      const weight = weights.get(whole)!;
      const [height = 1, ...rest] = weight.shape;
      const rows = tensor.shape[0] as number;
      const rowBytes = weight.byteLength / height;
      used.add(start === undefined ? whole : `${whole} ${Number(start) / rows}`);
      expect(tensor.shape).toEqual([start === undefined ? height : rows, ...rest]);
      expect(tensor.external).toEqual({
        location: "weights.bin",
        offset: `${weight.offset + Number(start ?? 0) * rowBytes}`,
        length: `${tensor.shape[0]! * rowBytes}`,
      });
    }
  }
  const expected = [...weights.keys()].flatMap((name) => {
    if (!/adaLN_modulation|attn\.qkv/.test(name)) return [name];
    const parts = name.includes("final_layer") ? 2 : 3;
    return Array.from({ length: parts }, (_, part) => `${name} ${part}`);
  });
  expect([...used].sort()).toEqual(expected.sort());
});

/** Every LayerNorm of a graph by the weight it scales with. */
function layerNorms(graph: ReadGraph): [string, number][] {
  return nodesOf(graph, "LayerNormalization").map((node) => {
    expect(node.attributes.axis).toBe(-1);
    return [node.inputs[1] as string, node.attributes.epsilon as number];
  });
}

test("transformer: LayerNorm epsilons are the manifest's, but 1e-6 after the input projection", () => {
  const norms = layerNorms(predict);
  expect(norms.length).toBe(1 + 2 * 2 + 1 + 3 * 2 + 1);
  for (const [scale, epsilon] of norms) {
    expect(epsilon).toBe(Math.fround(scale === "z_proj_ln.weight" ? 1e-6 : 3e-5));
  }
});

test("head: every LayerNorm epsilon is 1e-6, and the final one has no scale or bias", () => {
  const norms = layerNorms(step);
  expect(norms.length).toBe(a.head.depth + 1);
  for (const [, epsilon] of norms) expect(epsilon).toBe(Math.fround(1e-6));
  const final = nodesOf(step, "LayerNormalization").at(-1)!;
  expect(final.inputs.length).toBe(2);
  expect(constant(denoise, final.inputs[1]!)).toEqual(new Array(70).fill(1));
});

test("transformer: attention has the stack's heads, scale 1 / sqrt(head width), and masks the encoder alone", () => {
  const attentions = nodesOf(predict, "MultiHeadAttention");
  expect(attentions.length).toBe(5);
  attentions.forEach(({ inputs, attributes }, i) => {
    const [heads, width] = i < 2 ? [3, 20] : [4, 21];
    expect(attributes).toEqual({
      num_heads: heads,
      scale: Math.fround(width ** -0.5),
      mask_filter_value: -3.4028234663852886e38,
    });
    expect(inputs.length).toBe(i < 2 ? 5 : 3);
    if (i >= 2) return;
    const counts = maker(predict, maker(predict, inputs[4]).inputs[0]);
    expect([counts.op, counts.inputs[0], constant(predict, counts.inputs[1]!)]).toEqual(["Add", "known_counts", [3]]);
  });
});

test("transformer: queries, keys and values are the thirds of qkv, in that order", () => {
  const width = a.encoder.width;
  const { inputs } = nodesOf(predict, "MultiHeadAttention")[0]!;
  const products = inputs.slice(0, 3).map((value) => maker(predict, maker(predict, value).inputs[0]));
  expect(products.map((product) => product.inputs[1])).toEqual(
    [0, 1, 2].map((i) => `encoder_blocks.0.attn.qkv.weight[${i * width}:${(i + 1) * width}]`),
  );
  expect(new Set(products.map((product) => product.inputs[0])).size).toBe(1);
});

test("transformer: in the last block, only the targets ask", () => {
  const [queries, keys] = nodesOf(predict, "MultiHeadAttention")
    .at(-1)!
    .inputs.map((value) => maker(predict, maker(predict, value).inputs[0]).inputs[0]!);
  expect(maker(predict, queries!).op).toBe("Gather");
  expect(maker(predict, queries!).inputs[0]).toBe(keys);
});

test("transformer: GELU is exact (erf), once in each block", () => {
  const gelus = nodesOf(predict, "Gelu");
  expect(gelus.map((node) => node.attributes.approximate)).toEqual(new Array(5).fill("none"));
  expect(gelus.map((node) => maker(predict, node.inputs[0]).inputs[1])).toEqual([
    "encoder_blocks.0.mlp.fc1.weight",
    "encoder_blocks.1.mlp.fc1.weight",
    "decoder_blocks.0.mlp.fc1.weight",
    "decoder_blocks.1.mlp.fc1.weight",
    "decoder_blocks.2.mlp.fc1.weight",
  ]);
});

test("every linear layer multiplies by the transposed weight and adds the bias of the same name", () => {
  const products = [...predict.nodes, ...denoise.nodes, ...step.nodes].filter((node) => node.op === "Gemm");
  expect(products.length).toBeGreaterThan(30);
  for (const {
    inputs: [, weight = "", bias = ""],
    attributes,
  } of products) {
    expect(attributes).toEqual({ transB: 1 });
    if (weight.includes("adaLN_modulation")) continue;
    expect(bias).toBe(weight.replace(".weight", ".bias"));
  }
});

test("head: shift, scale and gate are the first, second and third part of the projection; scale has one added", () => {
  const names = ["shift", "scale", "gate"];
  for (const gemm of nodesOf(denoise, "Gemm").filter((node) => node.inputs[1]!.includes("adaLN"))) {
    const [, layer = "", start = ""] =
      /diffloss\.net\.(.*)\.adaLN_modulation\.1\.weight\[(\d+):/.exec(gemm.inputs[1]!) ?? [];
    const part = names[Number(start) / a.head.width]!;
    const bias = `${gemm.inputs[1]!.replace("weight", "bias")}`;
    if (part === "scale") {
      const plusOne = maker(denoise, gemm.inputs[2]);
      expect([plusOne.op, plusOne.inputs[0]]).toEqual(["Add", bias]);
      expect(constant(denoise, plusOne.inputs[1]!)).toEqual([1]);
    } else expect(gemm.inputs[2]).toBe(bias);
    const reshaped = denoise.nodes.find((node) => node.inputs[0] === gemm.outputs[0])!;
    const at = scan.inputs.indexOf(reshaped.outputs[0]!);
    expect(step.inputs[at]!.name).toBe(`${part}.${layer.replace("res_blocks.", "").replace("final_layer", "final")}_t`);
  }
});

test("decoder: GroupNorm with the tokenizer's groups and epsilon", () => {
  const norms = nodesOf(decode, "InstanceNormalization");
  const blocks = 2 + t.levels.reduce((sum, level) => sum + level.blocks, 0);
  const attentions = 1 + t.levels.reduce((sum, level) => sum + (level.attention ? level.blocks : 0), 0);
  expect(norms.length).toBe(2 * blocks + attentions + 1);
  for (const norm of norms) {
    expect(norm.attributes.epsilon).toBe(Math.fround(7e-6));
    expect(constant(decode, norm.inputs[1]!)).toEqual(new Array(16).fill(1));
    expect(constant(decode, norm.inputs[2]!)).toEqual(new Array(16).fill(0));
    expect(constant(decode, maker(decode, norm.inputs[0]).inputs[1]!)).toEqual([0, 16, -1]);
  }
});

test("decoder: attention is scaled by 1 / sqrt(channels) and stands where the tokenizer has it", () => {
  const softmaxes = nodesOf(decode, "Softmax");
  expect(softmaxes.length).toBe(1 + 2);
  for (const softmax of softmaxes) {
    const scaled = maker(decode, maker(decode, softmax.inputs[0]).inputs[0]);
    expect([scaled.op, ...constant(decode, scaled.inputs[1]!)]).toEqual(["Mul", Math.fround(64 ** -0.5)]);
  }
});

test("decoder: latents are divided by the scale, then post_quant_conv, with its bias, then conv_in", () => {
  const [first, second] = nodesOf(decode, "Conv");
  expect(first!.inputs.slice(1)).toEqual(["tokenizer.post_quant_conv.weight", "tokenizer.post_quant_conv.bias"]);
  expect(second!.inputs[0]).toBe(first!.outputs[0]);
  const division = maker(decode, first!.inputs[0]);
  expect([division.op, ...constant(decode, division.inputs[1]!)]).toEqual(["Div", Math.fround(0.2325)]);
  for (const conv of nodesOf(decode, "Conv")) {
    const [kernel = 0] = conv.attributes.kernel_shape as number[];
    expect(conv.attributes.pads).toEqual(new Array(4).fill((kernel - 1) / 2));
    expect(conv.inputs[2]).toBe(conv.inputs[1]!.replace(/weight$/, "bias"));
  }
});

test("decoder: upsampling takes each pixel twice in both directions", () => {
  const resizes = nodesOf(decode, "Resize");
  expect(resizes.length).toBe(2);
  for (const resize of resizes) {
    expect(constant(decode, resize.inputs[2]!)).toEqual([1, 1, 2, 2]);
    expect(resize.attributes).toEqual({
      mode: "nearest",
      coordinate_transformation_mode: "asymmetric",
      nearest_mode: "floor",
    });
  }
});

test("pixels: 127.5 (x + 1), clipped, rounded, made bytes, channels last", () => {
  const chain = ["Transpose", "Cast", "Round", "Clip", "Mul", "Add"];
  let node = maker(decode, maker(decode, "pixels").inputs[0]);
  for (const op of chain) {
    expect(node.op).toBe(op);
    if (op === "Transpose") expect(node.attributes.perm).toEqual([0, 2, 3, 1]);
    if (op === "Cast") expect(node.attributes.to).toBe(UINT8);
    if (op === "Clip") expect(node.inputs.slice(1).map((name) => constant(decode, name)[0])).toEqual([0, 255]);
    if (op === "Mul") expect(constant(decode, node.inputs[1]!)).toEqual([127.5]);
    if (op === "Add") expect(constant(decode, node.inputs[1]!)).toEqual([1]);
    node = maker(decode, node.inputs[0]);
  }
  expect(node.inputs[1]).toBe("tokenizer.decoder.conv_out.weight");
});

test("a weight that is not there is named", () => {
  const fewer = new Map(weights);
  fewer.delete("decoder_blocks.2.mlp.fc2.bias");
  expect(() => buildGraphs(architecture, fewer)).toThrow(/decoder_blocks\.2\.mlp\.fc2\.bias/);
});

test("the file states an IR version and operator sets that ONNX Runtime knows", () => {
  for (const bytes of [graphs.predict!, graphs.denoise!, graphs.decode!]) {
    const { irVersion, opsets } = readModel(bytes);
    const own = { domain: "com.microsoft", version: 1 };
    expect([irVersion, opsets]).toEqual([10, [{ domain: "", version: 21 }, own]]);
  }
});
