import { GraphBuilder, type Value } from "../../model/graph/builder.js";
import { LinearInput, RowZeroPoints } from "../../model/graph/linear.js";
import { CONTRIB_DOMAIN, ELEMENT_TYPES } from "../../model/graph/onnx.js";
import { gather, reshape, rmsNorm, silu, toFloat32, toWeightType } from "../../model/graph/ops.js";
import type { GraphOptions, WeightIndex } from "../../model/graph/weights.js";
import type { CausalArchitecture } from "../../model/manifest.js";
import { cacheShape } from "./cache.js";
import { rotaryTable } from "./rotary.js";

/** What every block of the graph shares. */
interface Shared {
  readonly g: GraphBuilder;
  readonly a: CausalArchitecture;
  readonly zeroPoints: RowZeroPoints;
  /** int32 [rows]: cached keys of each row, which is the position of its input. */
  readonly cached: Value;
  /** int32: keys of the longest row, with its own. */
  readonly longest: Value;
  readonly cos: Value; // [L, size / 2]
  readonly sin: Value; // [L, size / 2]
}

/**
 * `predict`: the next position of each row -> logits over the codes [rows, codes]. At position 0 a row's input is its class, at position
 * i the code of token i - 1 (Transformer.forward of LlamaGen's gpt.py). `keys.N` and `values.N` are the cache of block N,
 * [rows, heads, L, size]; `keys_out.N` and `values_out.N` are the same with the row's position filled in, and belong into the same
 * memory, where nothing else is written. Rows are independent: each has its own class and position.
 */
export function buildPredict(a: CausalArchitecture, weights: WeightIndex, options: GraphOptions): Uint8Array {
  const { width, depth } = a.transformer;
  const g = GraphBuilder.model("predict", weights, options);
  const codes = g.input("codes", "int64", ["rows"]);
  const classes = g.input("classes", "int64", ["rows"]);
  const positions = g.input("positions", "int64", ["rows"]);

  const ofClass = gather(g, g.weight("cls_embedding.embedding_table.weight"), classes);
  const ofCode = gather(g, g.weight("tok_embeddings.weight"), codes);
  const isFirst = g.node("Unsqueeze", [g.node("Equal", [positions, g.int(0)]), g.ints([1])]);
  let x = g.node("Where", [isFirst, ofClass, ofCode]);

  const last = g.node("ReduceMax", [positions], { attributes: { keepdims: { int: 0 } } });
  const shared: Shared = {
    g,
    a,
    zeroPoints: new RowZeroPoints(g, positions),
    cached: toInt32(g, positions),
    longest: toInt32(g, g.node("Add", [last, g.int(1)])),
    ...rotaryConstants(g, a),
  };
  const expose = (name: string, value: Value) => {
    if (options.expose) g.output(name, toFloat32(g, value), "float32", ["rows", width]);
  };
  expose("class", ofClass);
  for (let i = 0; i < depth; i++) {
    x = block(shared, x, i);
    expose(`block.${i}`, x);
  }
  const normed = rmsNorm(g, x, "norm", a.norm_eps);
  expose("norm", normed);
  const logits = new LinearInput(g, normed, shared.zeroPoints).project("output", { bias: null });
  g.output("logits", toFloat32(g, logits), "float32", ["rows", a.codes]);
  return g.encode();
}

function block(shared: Shared, x: Value, index: number): Value {
  const { g, a, zeroPoints } = shared;
  const name = `layers.${index}`;
  const project = (rows: Value, layer: string) => new LinearInput(g, rows, zeroPoints).project(layer, { bias: null });
  const qkv = project(rmsNorm(g, x, `${name}.attention_norm`, a.norm_eps), `${name}.attention.wqkv`);
  const attended = project(attend(shared, qkv, index), `${name}.attention.wo`);
  const mixed = g.node("Add", [x, attended]);
  const rows = new LinearInput(g, rmsNorm(g, mixed, `${name}.ffn_norm`, a.norm_eps), zeroPoints);
  const gate = silu(g, rows.project(`${name}.feed_forward.w1`, { bias: null }));
  const hidden = g.node("Mul", [gate, rows.project(`${name}.feed_forward.w3`, { bias: null })]);
  return g.node("Add", [mixed, project(hidden, `${name}.feed_forward.w2`)]);
}

/**
 * Attention of each row to its cached keys and its own. The operator computes each row and head by itself, over the keys that the row has.
 * [rows, 3 width] -> [rows, width]
 */
function attend({ g, a, ...shared }: Shared, qkv: Value, index: number): Value {
  const { width, heads } = a.transformer;
  const size = width / heads;
  const [, length, padded] = cacheShape(a);
  const kept = ["rows", heads, length, padded];
  const keys = g.input(`keys.${index}`, "float32", kept);
  const values = g.input(`values.${index}`, "float32", kept);
  const byHead = g.node("Pad", [
    reshape(g, toFloat32(g, qkv), g.ints([-1, 1, 3 * heads, size])),
    g.ints([0, 0, 0, 0, 0, 0, 0, padded - size]),
  ]);
  const packed = reshape(g, byHead, g.ints([-1, 1, 3 * heads * padded]));
  const inputs = [packed, "", "", keys, values, shared.cached, shared.longest, shared.cos, shared.sin];
  const attributes = {
    num_heads: { int: heads },
    kv_num_heads: { int: heads },
    scale: { float: size ** -0.5 },
    do_rotary: { int: 1 },
    rotary_interleaved: { int: 1 },
  };
  const outputs = g.split("GroupQueryAttention", inputs, 3, { domain: CONTRIB_DOMAIN, attributes });
  g.output(`keys_out.${index}`, outputs[1]!, "float32", kept);
  g.output(`values_out.${index}`, outputs[2]!, "float32", kept);
  const mixed = reshape(g, outputs[0]!, g.ints([-1, heads, padded]));
  const unpadded = g.node("Slice", [mixed, g.ints([0]), g.ints([size]), g.ints([2])]);
  return toWeightType(g, reshape(g, unpadded, g.ints([-1, width])));
}

function rotaryConstants(g: GraphBuilder, a: CausalArchitecture): Pick<Shared, "cos" | "sin"> {
  const [, length, padded] = cacheShape(a);
  const table = rotaryTable(a, padded);
  const constant = (label: "cos" | "sin") => reshape(g, g.floats(label, table[label]), g.ints([length, padded / 2]));
  return { cos: constant("cos"), sin: constant("sin") };
}

function toInt32(g: GraphBuilder, x: Value): Value {
  return g.node("Cast", [x], { attributes: { to: { int: ELEMENT_TYPES.int32 } } });
}
