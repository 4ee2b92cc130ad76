import { expect, test } from "vitest";
import type { Tensors } from "../../../../src/engine/runtime/runtime.js";
import {
  type InputOptions,
  LinearInput,
  type ProjectOptions,
  RowZeroPoints,
} from "../../../../src/model/graph/linear.js";
import { GELU_LOWEST } from "../../../../src/model/graph/ops.js";
import { type Build, computed, describeOperators, deviation, layer, wave } from "./compare.js";

interface Case {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
  /** 0: rows have no sequences. */
  readonly tokens?: number;
  readonly norm?: true;
  readonly options?: InputOptions;
  readonly project?: ProjectOptions;
  readonly gated?: "residual" | "gate";
}

function product({ rows, inputs, outputs, tokens = 0, norm, options = {}, project = {}, gated }: Case) {
  const name = `layer ${inputs} ${outputs}`;
  layer(name, inputs, outputs);
  const sequences = tokens ? rows / tokens : 1;
  const build: Build = (g) => {
    const x = g.input("x", "float32", norm ? ["sequences", "tokens", inputs] : ["rows", inputs]);
    const vector = (of: string, width: number) => g.input(of, "float32", ["sequences", 1, width]);
    const adaptiveNorm = norm && {
      width: inputs,
      epsilon: 1e-6,
      scale: vector("scale", inputs),
      shift: vector("shift", inputs),
    };
    const shared = { ...options, ...(adaptiveNorm && { adaptiveNorm }) };
    const flat = g.input("flat", "float32", ["rows", 1]);
    const residual = gated && {
      residual: g.input("residual", "float32", tokens ? ["s", "t", outputs] : ["r", outputs]),
    };
    const gate = gated === "gate" && { gate: vector("gate", outputs) };
    return new LinearInput(g, x, new RowZeroPoints(g, flat), shared).project(name, {
      ...project,
      ...residual,
      ...gate,
    });
  };
  const shape = tokens ? [sequences, tokens] : [rows];
  const given: Tensors = {
    x: wave([...(norm ? shape : [rows]), inputs]),
    flat: wave([rows, 1]),
    ...(norm && { scale: wave([sequences, 1, inputs], 0.11), shift: wave([sequences, 1, inputs], 0.23) }),
    ...(gated && { residual: wave([...shape, outputs], 0.05) }),
    ...(gated === "gate" && { gate: wave([sequences, 1, outputs], 0.71) }),
  };
  return { build, given };
}

describeOperators("our products", () => {
  test.each<Case>([
    ...[1, 2, 5, 6, 7, 95, 96, 97, 200].map((rows) => ({ rows, inputs: 64, outputs: 130 })),
    ...[4, 8, 60, 100, 1152].map((inputs) => ({ rows: 13, inputs, outputs: 64 })),
    ...[1, 15, 16, 17, 63, 65, 448, 449].map((outputs) => ({ rows: 9, inputs: 32, outputs })),
    { rows: 24, inputs: 48, outputs: 80, project: { bias: null } },
    { rows: 24, inputs: 48, outputs: 80, project: { activation: "gelu-tanh" } },
    { rows: 24, inputs: 48, outputs: 80, project: { activation: "silu" } },
    { rows: 24, inputs: 48, outputs: 80, options: { lowest: GELU_LOWEST } },
    { rows: 24, inputs: 48, outputs: 80, gated: "residual" },
    { rows: 24, inputs: 48, outputs: 80, tokens: 8, gated: "gate" },
    { rows: 24, inputs: 48, outputs: 80, tokens: 8, norm: true },
    { rows: 30, inputs: 36, outputs: 36, tokens: 10, norm: true, gated: "gate" },
  ])("multiply as ONNX Runtime's do: %o", async (sizes) => {
    const { build, given } = product(sizes);
    const x = given.x!.data as Float32Array;
    if (sizes.options) for (const [i, value] of x.entries()) x[i] = Math.max(value, GELU_LOWEST);
    const ours = await computed(build, given, true);
    // Where a value lies between two bytes, the last bit decides which of them it becomes.
    expect(deviation(ours, await computed(build, given, false))).toBeLessThan(0.003);
    expect(await computed(build, given, true, 2)).toEqual(ours);
  });

  test("a row of zeros gives the bias", async () => {
    const { build, given } = product({ rows: 3, inputs: 64, outputs: 70 });
    (given.x!.data as Float32Array).fill(0, 64, 128);
    const ours = await computed(build, given, true);
    expect(ours.slice(70, 140)).toEqual((await computed(build, given, false)).slice(70, 140));
  });

  test.each<[string, Case]>([
    ["as they are", { rows: 3, inputs: 64, outputs: 70 }],
    ["after a norm", { rows: 3, inputs: 64, outputs: 70, tokens: 1, norm: true }],
  ])("a row with a number that is none, or infinite, gives none: rows %s", async (_, sizes) => {
    const { build, given } = product(sizes);
    const x = given.x!.data as Float32Array;
    const before = await computed(build, given, true);
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      x[64 + 37] = wrong;
      const ours = await computed(build, given, true);
      expect(ours.slice(70, 140).every(Number.isNaN)).toBe(true);
      for (const [begin, end] of [
        [0, 70],
        [140, 210],
      ])
        expect(ours.slice(begin, end)).toEqual(before.slice(begin, end));
    }
  });

  test("SiLU of the most negative numbers is 0", async () => {
    const { build, given } = product({ rows: 24, inputs: 48, outputs: 80, project: { activation: "silu" } });
    const x = given.x!.data as Float32Array;
    x.set(x.map((value) => value * 1e37));
    const ours = await computed(build, given, true);
    expect(ours.some((value) => value > 1e36)).toBe(true);
    expect(ours.filter((value) => value <= 0).length).toBeGreaterThan(100);
    expect(ours.every((value) => value >= 0)).toBe(true);
  });

  test("a row's result does not depend on the other rows", async () => {
    const { build, given } = product({ rows: 150, inputs: 64, outputs: 70, project: { activation: "gelu-tanh" } });
    const all = await computed(build, given, true, 2);
    for (const row of [0, 77, 95, 96, 149]) {
      const lone = { x: { data: (given.x!.data as Float32Array).slice(row * 64, (row + 1) * 64), shape: [1, 64] } };
      const flat = { data: Float32Array.of(0), shape: [1, 1] };
      expect(await computed(build, { ...lone, flat }, true)).toEqual(all.slice(row * 70, (row + 1) * 70));
    }
  });

  test("inputs that are no multiple of four are ONNX Runtime's", async () => {
    const { build, given } = product({ rows: 5, inputs: 30, outputs: 20 });
    expect(await computed(build, given, true)).toEqual(await computed(build, given, false));
  });
});
