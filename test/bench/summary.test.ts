import { expect, test } from "vitest";
import type { Side } from "../../bench/reference/options.js";
import type { RunRecord } from "../../bench/reference/records.js";
import { summaryTable } from "../../bench/reference/summary.js";

/** A batch of eight seconds: in every second of four steps one second in the transformer and half a second in the head. */
function runOf(side: Side, change: Partial<RunRecord> = {}): RunRecord {
  const stepTimes = [1, 3].map((step) => ({ step, transformer: 1000, head: 500, other: 0 }));
  const sampling = { steps: 4, diffusionSteps: 100, guidance: 2.9, threads: 2, batch: 64, every: 2, round: 0 };
  const measured = { stepTimes, decode: 2000, wall: 5000, peakRssMib: 900, version: "1", loadBefore: 0, at: "" };
  return { side, provider: "cuda", subject: "", ...sampling, ...measured, ...change };
}

/** The table's cells by row and column. */
function rowsOf(runs: ReadonlyMap<Side, readonly RunRecord[]>): Record<string, Record<string, string>> {
  const [header, , ...rows] = summaryTable(runs)
    .split("\n")
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  return Object.fromEntries(
    rows.map(([side, ...cells]) => [side, Object.fromEntries(cells.map((cell, i) => [header![i + 1]!, cell]))]),
  );
}

test("the table shows each side's memory of the GPU, and the share of copies", () => {
  const torch = runOf("pytorch-bf16", { peakGpuMib: 4000 });
  const ours = runOf("marimba-fp16", {
    ...{ decode: 1000, every: 1, wall: 4000, onnx: 3000 },
    ...{ peakGpuMib: 3000, copies: { mib: 10, ms: 60 } },
  });
  const table = rowsOf(new Map([["pytorch-bf16", [torch]] as const, ["marimba-fp16", [ours]] as const]));
  expect(table["pytorch-bf16"]).toMatchObject({ whole: "8.00 s", "times as long as marimba-fp16": "2.00" });
  expect(table["pytorch-bf16"]).toMatchObject({ "peak memory of the GPU": "4000 MiB", "outside ONNX runs": "" });
  expect(table["marimba-fp16"]).toMatchObject({ whole: "4.00 s", "peak memory of the GPU": "3000 MiB" });
  expect(table["marimba-fp16"]).toMatchObject({ "copies, of the time in ONNX runs": "2.0 %" });
  expect(table["marimba-fp16"]).toMatchObject({ "outside ONNX runs": "25.00 %" });
});

test("the table shows how far a side is off where it was measured, and compares with no preset", () => {
  const deviations = [{ of: "z", relativeRms: 0.0175 }] as const;
  const table = rowsOf(
    new Map([
      ["pytorch-fp32", [runOf("pytorch-fp32", { decode: 5000 })]] as const,
      ["marimba-int8", [runOf("marimba-int8", { deviations })]] as const,
      ["marimba-int8-fast", [runOf("marimba-int8-fast")]] as const,
    ]),
  );
  expect(table["pytorch-fp32"]).toMatchObject({ "z off by": "", "times as long as marimba-int8": "1.38" });
  expect(table["marimba-int8"]).toMatchObject({ "z off by": "1.75 %", "times as long as marimba-int8": "1.00" });
});

test("the table of a CPU has no rows about a GPU", () => {
  const run = runOf("marimba-fp16", { onnx: 3000, copies: { mib: 10, ms: 60 } });
  expect(summaryTable(new Map([["marimba-fp16", [run]]]))).not.toMatch(/GPU|copies/);
});
