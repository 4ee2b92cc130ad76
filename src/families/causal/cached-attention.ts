import type { GraphBuilder, Value } from "../../model/graph/builder.js";
import { CONTRIB_DOMAIN } from "../../model/graph/onnx.js";
import { concat, reshape, toFloat32, toWeightType } from "../../model/graph/ops.js";
import { type CachedModel, cacheShape } from "./cache.js";

/** What the blocks of a graph with a cache share. */
export interface CacheInputs {
  /** int64 [rows]: cached keys of each row, which is the position of its input. */
  readonly positions: Value;
  /** float32 [rows, 1, 1, L]: 0 where a row has cached keys, and minus infinity elsewhere. */
  readonly mask: Value;
}

/** Cosines and sines that turn queries and keys, [L, half a head] each. */
export type Rotation = readonly [cos: Value, sin: Value];

/** `positions` is int64 [rows]. */
export function cacheInputs(g: GraphBuilder, model: CachedModel, positions: Value): CacheInputs {
  const [, length] = cacheShape(model);
  const places = reshape(g, g.ints(Array.from({ length }, (_, i) => i)), g.ints([1, 1, 1, length]));
  const isCached = g.node("Less", [places, reshape(g, positions, g.ints([-1, 1, 1, 1]))]);
  return { positions, mask: g.node("Where", [isCached, g.float(0), g.float(Number.NEGATIVE_INFINITY)]) };
}

/**
 * Attention of each row to the keys that block `index` has cached of it, the inputs `keys.N` and `values.N`, and to its own, which are
 * the outputs `key.N` and `value.N`. Every row and head is computed by itself and over all places of the cache, so that no other
 * row, nor how many places it fills, changes a sum. [rows, width] each -> [rows, width]
 */
export function attendToCache(
  g: GraphBuilder,
  model: CachedModel,
  projected: readonly [query: Value, key: Value, value: Value],
  { positions, mask }: CacheInputs,
  index: number,
  rotation?: Rotation,
): Value {
  const [heads, length, size] = cacheShape(model);
  const cached = (name: string) => g.input(`${name}.${index}`, "float32", ["rows", heads, length, size]);
  const [keys, values] = [cached("keys"), cached("values")];
  const [query, key, value] = projected.map((x) => reshape(g, toFloat32(g, x), g.ints([-1, heads, 1, size]))) as [
    Value,
    Value,
    Value,
  ];
  const turn = (x: Value) => (rotation ? rotate(g, x, positions, rotation) : x);
  const [turned, own] = [turn(query), turn(key)];
  g.output(`key.${index}`, own, "float32", ["rows", heads, 1, size]);
  g.output(`value.${index}`, value, "float32", ["rows", heads, 1, size]);
  const scaled = g.node("Mul", [turned, g.float(size ** -0.5)]);
  const transposed = { domain: CONTRIB_DOMAIN, attributes: { transB: { int: 1 } } };
  const toOwn = g.node("ReduceSum", [g.node("Mul", [scaled, own]), g.ints([3])]);
  const toCached = g.node("Add", [g.node("FusedMatMul", [scaled, keys], transposed), mask]);
  const weights = g.node("Softmax", [concat(g, [toOwn, toCached], 3)]);
  const [ofOwn, ofCached] = g.split("Split", [weights, g.ints([1, length])], 2, { attributes: { axis: { int: 3 } } });
  const mixed = g.node("Add", [g.node("Mul", [ofOwn!, value]), g.node("MatMul", [ofCached!, values])]);
  return toWeightType(g, reshape(g, mixed, g.ints([-1, heads * size])));
}

/** Turns neighbouring numbers of each head [rows, heads, 1, size] by the angles of the row's position. */
function rotate(g: GraphBuilder, x: Value, positions: Value, [cos, sin]: Rotation): Value {
  const inputs = [x, reshape(g, positions, g.ints([-1, 1])), cos, sin];
  return g.node("RotaryEmbedding", inputs, { domain: CONTRIB_DOMAIN, attributes: { interleaved: { int: 1 } } });
}
