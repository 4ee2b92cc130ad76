import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GraphBuilder } from "../../../src/model/graph/builder.js";
import { LinearInput, RowZeroPoints } from "../../../src/model/graph/linear.js";
import { GELU_LOWEST } from "../../../src/model/graph/ops.js";
import type { WeightLocation } from "../../../src/model/graph/weights.js";

/** An int8 layer whose weights are the identity: its outputs are its inputs, rounded as quantisation rounds them. */
const WIDTH = 64;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "marimba-linear-"));
  const identity = Int8Array.from({ length: WIDTH ** 2 }, (_, i) => (i % (WIDTH + 1) === 0 ? 1 : 0));
  writeFileSync(join(folder, "identity"), identity);
  writeFileSync(join(folder, "scales"), new Float32Array(WIDTH).fill(1));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function rounded(rows: readonly (readonly number[])[], lowest?: number): Promise<number[][]> {
  const weights = new Map<string, WeightLocation>([
    ["layer.weight", { location: "identity", offset: 0, byteLength: WIDTH ** 2, shape: [WIDTH, WIDTH], type: "int8" }],
    ["layer.weight:scales", { location: "scales", offset: 0, byteLength: 4 * WIDTH, shape: [WIDTH], type: "float32" }],
  ]);
  const g = GraphBuilder.model("linear", weights);
  const x = g.input("x", "float32", ["rows", WIDTH]);
  const output = new LinearInput(g, x, new RowZeroPoints(g, x), lowest === undefined ? {} : { lowest }).project(
    "layer",
    { bias: null },
  );
  g.output("y", output, "float32", ["rows", WIDTH]);
  const path = join(folder, "linear.onnx");
  writeFileSync(path, g.encode());
  const session = await InferenceSession.create(path);
  const { y } = await session.run({ x: new Tensor("float32", rows.flat(), [rows.length, WIDTH]) });
  await session.release();
  const values = [...(y!.data as Float32Array)];
  return rows.map((_, i) => values.slice(i * WIDTH, (i + 1) * WIDTH));
}

/** Values from `low` to `high`. */
const ramp = (low: number, high: number) =>
  Array.from({ length: WIDTH }, (_, i) => low + (i / (WIDTH - 1)) * (high - low));
const largestError = (row: readonly number[], expected: readonly number[]) =>
  Math.max(...row.map((value, i) => Math.abs(value - expected[i]!)));

describe("an int8 layer's inputs", () => {
  test("lose at most half of a 127th of their row's largest magnitude", async () => {
    const rows = [ramp(-4, 3), ramp(-0.01, 0.02), ramp(0, 1)];
    for (const [i, row] of (await rounded(rows)).entries()) {
      const step = Math.max(...rows[i]!.map(Math.abs)) / 127;
      expect(largestError(row, rows[i]!)).toBeLessThan(0.5001 * step);
    }
  });

  test("after GELU lose at most half of a 223rd of the largest value, or of a 32nd of the least", async () => {
    const rows = [ramp(GELU_LOWEST, 4), ramp(GELU_LOWEST, 0.05), ramp(0, 40), ramp(GELU_LOWEST, GELU_LOWEST)];
    for (const [i, row] of (await rounded(rows, GELU_LOWEST)).entries()) {
      const step = Math.max(Math.max(...rows[i]!) / 223, -GELU_LOWEST / 32);
      expect(largestError(row, rows[i]!)).toBeLessThan(0.5001 * step);
    }
  });
});
