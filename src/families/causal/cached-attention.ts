import type { GraphBuilder, Value } from "../../model/graph/builder.js";
import { CONTRIB_DOMAIN, ELEMENT_TYPES } from "../../model/graph/onnx.js";
import { reshape, toFloat32, toWeightType } from "../../model/graph/ops.js";
import { type CachedModel, cacheShape, stackOf } from "./cache.js";

/** What the blocks of a graph with a cache share. */
export interface CacheInputs {
  /** int32 [rows]: cached keys of each row, which is the position of its input. */
  readonly cached: Value;
  /** int32: keys of the longest row, with its own. */
  readonly longest: Value;
  /** Cosines and sines that turn queries and keys, [L, padded size of a head / 2] each. */
  readonly rotation?: readonly [cos: Value, sin: Value];
}

/** `positions` is int64 [rows]. */
export function cacheInputs(g: GraphBuilder, positions: Value): CacheInputs {
  const toInt32 = (x: Value) => g.node("Cast", [x], { attributes: { to: { int: ELEMENT_TYPES.int32 } } });
  const last = g.node("ReduceMax", [positions], { attributes: { keepdims: { int: 0 } } });
  return { cached: toInt32(positions), longest: toInt32(g.node("Add", [last, g.int(1)])) };
}

/**
 * Attention of each row to the keys that block `index` has cached of it and to its own, which are added to the cache: `keys.N` and
 * `values.N` are the inputs, `keys_out.N` and `values_out.N` belong into the same memory. The operator computes each row and head by
 * itself, over the keys that the row has. Queries, keys and values are one value, [rows, 3 width], or three. -> [rows, width]
 */
export function attendToCache(
  g: GraphBuilder,
  model: CachedModel,
  projected: readonly Value[],
  { cached, longest, rotation }: CacheInputs,
  index: number,
): Value {
  const { width, heads } = stackOf(model);
  const size = width / heads;
  const [, length, padded] = cacheShape(model);
  const kept = ["rows", heads, length, padded];
  const keys = g.input(`keys.${index}`, "float32", kept);
  const values = g.input(`values.${index}`, "float32", kept);
  const count = projected.length === 1 ? 3 * heads : heads;
  const pad = (rows: Value) => {
    const byHead = g.node("Pad", [
      reshape(g, toFloat32(g, rows), g.ints([-1, 1, count, size])),
      g.ints([0, 0, 0, 0, 0, 0, 0, padded - size]),
    ]);
    return reshape(g, byHead, g.ints([-1, 1, count * padded]));
  };
  const [query, key = "", value = ""] = projected.map(pad);
  const inputs = [query!, key, value, keys, values, cached, longest, ...(rotation ?? [])];
  const attributes = {
    num_heads: { int: heads },
    kv_num_heads: { int: heads },
    scale: { float: size ** -0.5 },
    ...(rotation && { do_rotary: { int: 1 }, rotary_interleaved: { int: 1 } }),
  };
  const outputs = g.split("GroupQueryAttention", inputs, 3, { domain: CONTRIB_DOMAIN, attributes });
  g.output(`keys_out.${index}`, outputs[1]!, "float32", kept);
  g.output(`values_out.${index}`, outputs[2]!, "float32", kept);
  const mixed = reshape(g, outputs[0]!, g.ints([-1, heads, padded]));
  const unpadded = g.node("Slice", [mixed, g.ints([0]), g.ints([size]), g.ints([2])]);
  return toWeightType(g, reshape(g, unpadded, g.ints([-1, width])));
}
