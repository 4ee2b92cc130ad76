import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { loadKernels } from "../../../../src/engine/runtime/kernels.js";
import { openRuntime } from "../../../../src/engine/runtime/onnx.js";
import { floats, type Tensors } from "../../../../src/engine/runtime/runtime.js";
import { GraphBuilder, type Value } from "../../../../src/model/graph/builder.js";
import type { WeightLocation } from "../../../../src/model/graph/weights.js";

/** Compares our operators (kernels/operators.cc) with ONNX Runtime's, which the same builders put into a graph. */

let folder: string;
/** Those of the graphs that `computed` builds. */
export const weights = new Map<string, WeightLocation>();

/** Describes tests that need our operators, and makes the files of the weights for them. */
export function describeOperators(title: string, tests: () => void): void {
  describe.runIf(loadKernels())(`${title}, on this CPU, which has what they need`, () => {
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "marimba-operators-"));
      const noise = Int8Array.from({ length: 1 << 18 }, (_, i) => Math.imul(i + 1, 2_654_435_761) >> 24);
      writeFileSync(join(folder, "int8"), noise);
      writeFileSync(
        join(folder, "float32"),
        Float32Array.from(noise.subarray(0, 1 << 15), (value) => 0.004 + value / 64_000),
      );
      writeFileSync(
        join(folder, "norms"),
        Float32Array.from(noise.subarray(0, 1 << 8), (value) => 1 + value / 256),
      );
    });
    afterAll(() => rmSync(folder, { recursive: true }));
    tests();
  });
}

export function layer(name: string, inputs: number, outputs: number, parts = [outputs]): void {
  const int8 = (count: number) => ({ location: "int8", offset: 0, byteLength: inputs * count, type: "int8" as const });
  const float = { location: "float32", offset: 0, byteLength: 4 * outputs, shape: [outputs], type: "float32" as const };
  for (const [i, count] of parts.entries()) {
    const part = parts.length === 1 ? `${name}.weight` : `${name}.weight[${i * count}:${(i + 1) * count}]`;
    weights.set(part, { ...int8(count), shape: [inputs, count] });
  }
  weights.set(`${name}.weight:scales`, float);
  weights.set(`${name}.bias`, float);
}

export const wave = (shape: readonly number[], step = 0.37) => ({
  data: Float32Array.from(
    { length: shape.reduce((product, size) => product * size, 1) },
    (_, i) => Math.sin(i * step) * (1 + (i % 7)),
  ),
  shape,
});

export type Build = (g: GraphBuilder) => Value;

/** The graph's output `y` by our operators, or by ONNX Runtime's. */
export async function computed(build: Build, inputs: Tensors, kernels: boolean, threads = 1): Promise<Float32Array> {
  const g = GraphBuilder.model("predict", weights, { kernels });
  g.output("y", build(g), "float32", []);
  const variants = { predict: g.encode() };
  const runtime = await openRuntime(folder, {
    threads,
    graphs: ["predict"],
    variants,
    ...(kernels && { kernels: true as const }),
  });
  const y = floats(await runtime.run("predict", inputs), "y");
  await runtime.close();
  return y;
}

/** The root of the mean squared difference, relative to the values'. */
export function deviation(ours: Float32Array, theirs: Float32Array): number {
  expect(ours.length).toBe(theirs.length);
  const squares = (values: Float32Array) => values.reduce((sum, value) => sum + value ** 2, 0);
  return Math.sqrt(squares(ours.map((value, i) => value - theirs[i]!)) / squares(theirs));
}
