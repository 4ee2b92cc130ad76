import type { GraphBuilder, Value } from "../../model/graph/builder.js";
import { CONTRIB_DOMAIN } from "../../model/graph/onnx.js";
import { concat, reshape, sizes, toFloat32, toWeightType } from "../../model/graph/ops.js";
import { type CachedModel, cacheShape, stackOf } from "./cache.js";

/** What the blocks of a graph with a cache share. */
export interface CacheInputs {
  /** Of each block: [rows, heads, P, size], with P places of the L positions. */
  readonly keys: readonly Value[];
  readonly values: readonly Value[];
  /** int64 [rows]: cached keys of each row, which is the position of its input. */
  readonly positions: Value;
  /** float32 [rows, 1, 1, L]: 0 where a row has cached keys, and minus infinity elsewhere. */
  readonly mask: Value;
  /** Pads of the scores of P places, so that they are L. */
  readonly pads: Value;
  /** int64 [3]: 1, P and L - P. */
  readonly parts: Value;
}

/** Cosines and sines that turn queries and keys, [L, half a head] each. */
export type Rotation = readonly [cos: Value, sin: Value];

/** `positions` is int64 [rows]. */
export function cacheInputs(g: GraphBuilder, model: CachedModel, positions: Value): CacheInputs {
  const [heads, length, size] = cacheShape(model);
  const [keys, values] = ["keys", "values"].map((name) =>
    Array.from({ length: stackOf(model).depth }, (_, index) =>
      g.input(`${name}.${index}`, "float32", ["rows", heads, "places", size]),
    ),
  ) as [Value[], Value[]];
  const all = reshape(g, g.ints(Array.from({ length }, (_, i) => i)), g.ints([1, 1, 1, length]));
  const isCached = g.node("Less", [all, reshape(g, positions, g.ints([-1, 1, 1, 1]))]);
  const mask = g.node("Where", [isCached, g.float(0), g.float(Number.NEGATIVE_INFINITY)]);
  const places = sizes(g, keys[0]!, 2, 3);
  const missing = g.node("Sub", [g.ints([length]), places]);
  const pads = concat(g, [g.ints([0, 0, 0, 0, 0, 0, 0]), missing], 0);
  return { keys, values, positions, mask, pads, parts: concat(g, [g.ints([1]), places, missing], 0) };
}

/**
 * Attention of each row to the keys that block `index` has cached of it, the inputs `keys.N` and `values.N`, and to its own, which are
 * the outputs `key.N` and `value.N`. Every row and head is computed by itself, and the softmax always over L positions, so that
 * neither other rows nor the number of places change a result. [rows, width] each -> [rows, width]
 */
export function attendToCache(
  g: GraphBuilder,
  model: CachedModel,
  projected: readonly [query: Value, key: Value, value: Value],
  cache: CacheInputs,
  index: number,
  rotation?: Rotation,
): Value {
  const [heads, , size] = cacheShape(model);
  const [query, key, value] = projected.map((x) => reshape(g, toFloat32(g, x), g.ints([-1, heads, 1, size]))) as [
    Value,
    Value,
    Value,
  ];
  const turn = (x: Value) => (rotation ? rotate(g, x, cache.positions, rotation) : x);
  const [turned, own] = [turn(query), turn(key)];
  g.output(`key.${index}`, own, "float32", ["rows", heads, 1, size]);
  g.output(`value.${index}`, value, "float32", ["rows", heads, 1, size]);
  const scaled = g.node("Mul", [turned, g.float(size ** -0.5)]);
  const transposed = { domain: CONTRIB_DOMAIN, attributes: { transB: { int: 1 } } };
  const toOwn = g.node("ReduceSum", [g.node("Mul", [scaled, own]), g.ints([3])]);
  const toCached = g.node("Pad", [g.node("FusedMatMul", [scaled, cache.keys[index]!], transposed), cache.pads]);
  const weights = g.node("Softmax", [concat(g, [toOwn, g.node("Add", [toCached, cache.mask])], 3)]);
  const [ofOwn, ofCached] = g.split("Split", [weights, cache.parts], 3, { attributes: { axis: { int: 3 } } });
  const mixed = g.node("Add", [g.node("Mul", [ofOwn!, value]), g.node("MatMul", [ofCached!, cache.values[index]!])]);
  return toWeightType(g, reshape(g, mixed, g.ints([-1, heads * size])));
}

/** Turns neighbouring numbers of each head [rows, heads, 1, size] by the angles of the row's position. */
function rotate(g: GraphBuilder, x: Value, positions: Value, [cos, sin]: Rotation): Value {
  const inputs = [x, reshape(g, positions, g.ints([-1, 1])), cos, sin];
  return g.node("RotaryEmbedding", inputs, { domain: CONTRIB_DOMAIN, attributes: { interleaved: { int: 1 } } });
}
