import { GraphBuilder, type Value } from "../../model/graph/builder.js";
import { LinearInput, RowZeroPoints } from "../../model/graph/linear.js";
import { gather, reshape, rmsNorm, silu, toFloat32 } from "../../model/graph/ops.js";
import type { GraphOptions, WeightIndex } from "../../model/graph/weights.js";
import type { CausalArchitecture } from "../../model/manifest.js";
import { cacheShape } from "./cache.js";
import { attendToCache, type CacheInputs, cacheInputs, type Rotation } from "./cached-attention.js";
import { rotaryTable } from "./rotary.js";

/** What every block of the graph shares. */
interface Shared {
  readonly g: GraphBuilder;
  readonly a: CausalArchitecture;
  readonly zeroPoints: RowZeroPoints;
  readonly cache: CacheInputs;
  readonly rotation: Rotation;
}

/**
 * `predict`: the next position of each row -> logits over the codes [rows, codes]. At position 0 a row's input is its class, at position
 * i the code of token i - 1 (Transformer.forward of LlamaGen's gpt.py). Rows are independent: each has its own class and position.
 */
export function buildLlamagen(a: CausalArchitecture, weights: WeightIndex, options: GraphOptions): Uint8Array {
  const { width, depth } = a.transformer;
  const g = GraphBuilder.model("predict", weights, options);
  const codes = g.input("codes", "int64", ["rows"]);
  const classes = g.input("classes", "int64", ["rows"]);
  const positions = g.input("positions", "int64", ["rows"]);

  const ofClass = gather(g, g.weight("cls_embedding.embedding_table.weight"), classes);
  const ofCode = gather(g, g.weight("tok_embeddings.weight"), codes);
  const isFirst = g.node("Unsqueeze", [g.node("Equal", [positions, g.int(0)]), g.ints([1])]);
  let x = g.node("Where", [isFirst, ofClass, ofCode]);

  const cache = cacheInputs(g, a, positions);
  const shared = { g, a, zeroPoints: new RowZeroPoints(g, positions), cache, rotation: rotaryConstants(g, a) };
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
  const [query, key, value] = g.split("Split", [qkv], 3, { attributes: { axis: { int: 1 }, num_outputs: { int: 3 } } });
  const own = [query!, key!, value!] as const;
  const attended = project(attendToCache(g, a, own, shared.cache, index, shared.rotation), `${name}.attention.wo`);
  const mixed = g.node("Add", [x, attended]);
  const rows = new LinearInput(g, rmsNorm(g, mixed, `${name}.ffn_norm`, a.norm_eps), zeroPoints);
  const gate = silu(g, rows.project(`${name}.feed_forward.w1`, { bias: null }));
  const hidden = g.node("Mul", [gate, rows.project(`${name}.feed_forward.w3`, { bias: null })]);
  return g.node("Add", [mixed, project(hidden, `${name}.feed_forward.w2`)]);
}

function rotaryConstants(g: GraphBuilder, a: CausalArchitecture): Rotation {
  const [, length, size] = cacheShape(a);
  const table = rotaryTable(a);
  const constant = (label: "cos" | "sin") => reshape(g, g.floats(label, table[label]), g.ints([length, size / 2]));
  return [constant("cos"), constant("sin")];
}
