import { expect, test } from "vitest";
import type { Tensors } from "../../../../src/engine/runtime/runtime.js";
import { selfAttention } from "../../../../src/model/graph/attention.js";
import { LinearInput, RowZeroPoints } from "../../../../src/model/graph/linear.js";
import { type Build, computed, describeOperators, deviation, layer, wave } from "./compare.js";

interface Heads {
  readonly sequences: number;
  readonly tokens: number;
  readonly width: number;
  readonly heads: number;
  readonly counts?: readonly number[];
}

function attention({ sequences, tokens, width, heads, counts }: Heads) {
  const name = `attention ${width}`;
  layer(name, width, 3 * width, [width, width, width]);
  const build: Build = (g) => {
    const x = g.input("x", "float32", ["rows", width]);
    const layout = g.ints([sequences, tokens]);
    const keyCounts = counts && {
      keyCounts: g.node("Cast", [g.input("counts", "int64", [sequences])], { attributes: { to: { int: 6 } } }),
    };
    const rows = new LinearInput(g, x, new RowZeroPoints(g, x));
    return selfAttention(g, name, { width, heads, ...keyCounts }, { rows, layout });
  };
  const given: Tensors = {
    x: wave([sequences * tokens, width]),
    ...(counts && { counts: { data: BigInt64Array.from(counts, BigInt), shape: [sequences] } }),
  };
  return { build, given };
}

describeOperators("our attention", () => {
  test.each<Heads>([
    { sequences: 2, tokens: 256, width: 144, heads: 2 },
    { sequences: 1, tokens: 1, width: 16, heads: 4 },
    { sequences: 3, tokens: 7, width: 24, heads: 1 },
    { sequences: 2, tokens: 65, width: 64, heads: 2 },
    { sequences: 2, tokens: 31, width: 128, heads: 1 },
    { sequences: 1, tokens: 20, width: 60, heads: 4 },
    { sequences: 3, tokens: 50, width: 64, heads: 8, counts: [50, 1, 33] },
    { sequences: 2, tokens: 130, width: 96, heads: 3, counts: [64, 129] },
  ])("attend as ONNX Runtime's do: %o", async (sizes) => {
    const { build, given } = attention(sizes);
    const ours = await computed(build, given, true);
    expect(deviation(ours, await computed(build, given, false))).toBeLessThan(0.01);
    expect(await computed(build, given, true, 2)).toEqual(ours);
  });

  test("refuse a number of keys that a sequence has not", async () => {
    const { build, given } = attention({ sequences: 2, tokens: 5, width: 16, heads: 2, counts: [5, 6] });
    await expect(computed(build, given, true)).rejects.toThrow("Attention: a sequence has no such number of keys.");
  });
});
