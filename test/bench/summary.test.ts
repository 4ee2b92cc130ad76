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

test("the table shows each side's memory of the GPU, and the share of copies", () => {
  const torch = runOf("pytorch-bf16", { peakGpuMib: 4000 });
  const ours = runOf("marimba-fp16", {
    ...{ decode: 1000, every: 1, wall: 4000, onnx: 3000 },
    ...{ peakGpuMib: 3000, copies: { mib: 10, ms: 60 } },
  });
  const lines = summaryTable(new Map([["pytorch-bf16", [torch]] as const, ["marimba-fp16", [ours]] as const])).split(
    "\n",
  );
  const cells = Object.fromEntries(
    lines
      .map((line) => line.split("|").map((cell) => cell.trim()))
      .map(([, title, ...rest]) => [title, rest.slice(0, 3)]),
  );
  expect(cells.whole).toEqual(["8.00 s", "4.00 s", "2.00"]);
  expect(cells["peak memory of the GPU"]).toEqual(["4000 MiB", "3000 MiB", ""]);
  expect(cells["copies, of the time in ONNX runs"]).toEqual(["", "2.0 %", ""]);
  expect(cells["outside ONNX runs"]).toEqual(["", "25.00 %", ""]);
});

test("the table of a CPU has no rows about a GPU", () => {
  const run = runOf("marimba-fp16", { onnx: 3000, copies: { mib: 10, ms: 60 } });
  expect(summaryTable(new Map([["marimba-fp16", [run]]]))).not.toMatch(/GPU|copies/);
});
