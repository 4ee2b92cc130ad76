import { expect, test } from "vitest";
import { operationsOf } from "../../bench/reference/operations.js";
import type { Side } from "../../bench/reference/options.js";
import type { RunRecord } from "../../bench/reference/records.js";
import { summaryTable } from "../../bench/reference/summary.js";
import type { MarArchitecture } from "../../src/families/mar/model.js";
import type { Architecture } from "../../src/model/manifest.js";

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

/** The operations of one transformer block, one diffusion block and one convolution are easy to count. */
const ARCHITECTURE = {
  generator: {
    ...{ attention: "bidirectional", order: "random", head_kind: "diffusion", train_timesteps: 1000, norm_eps: 1e-6 },
    ...{ grid_height: 2, grid_width: 2, token_count: 4, token_channels: 5, latent_channels: 5, patch_size: 1 },
    ...{ class_count: 3, buffer_size: 2, head: { width: 7, depth: 1, frequency_channels: 8 } },
    encoder: { width: 6, depth: 1, heads: 1, mlp_width: 12 },
    decoder: { width: 6, depth: 2, heads: 1, mlp_width: 12 },
  },
  tokenizer: {
    ...{ kind: "kl", latent_channels: 5, latent_height: 2, latent_width: 2, image_height: 4, image_width: 4 },
    ...{ scale: 1, norm_groups: 1, norm_eps: 1e-6 },
    levels: [
      { index: 1, channels: 8, blocks: 1, attention: false, upsample: true },
      { index: 0, channels: 4, blocks: 1, attention: false, upsample: false },
    ],
  },
} as const satisfies Architecture<MarArchitecture>;

test("the work of a batch is counted in multiplications and additions", () => {
  // one step: all four tokens are unknown, the encoder has the two buffer tokens, and the decoder two more for each token
  const block = (tokens: number) => 2 * (4 * 6 * 6 + 2 * 6 * 12) + 4 * tokens * 6;
  const keysAndValues = 2 * (2 * 6 * 6);
  const transformer = 2 * block(2) + 6 * block(6) + 6 * keysAndValues + 4 * (block(6) - keysAndValues);
  const head = 4 * (2 * 6 * 7 + 10 * 2 * (5 * 7 * 7 + 2 * 7 * 7 + 5 * 7 + 7 * 10));
  const small = 2 * 4 * (5 * 8 * 9 + 4 * 8 * 8 * 9 + 4 * 8 * 8 + 2 * 4 * 8 + 2 * 8 * 8 * 9);
  const large = 2 * 16 * (8 * 8 * 9 + 8 * 4 * 9 + 4 * 4 * 9 + 8 * 4 + 4 * 3 * 9);
  const sampling = { batch: 1, steps: 1, diffusionSteps: 10, guidance: 1 };
  expect(operationsOf(ARCHITECTURE, sampling)).toEqual({ transformer, head, decode: small + large });
  const guided = operationsOf(ARCHITECTURE, { ...sampling, batch: 3, guidance: 2 });
  expect(guided).toEqual({ transformer: 6 * transformer, head: 6 * head, decode: 3 * (small + large) });
});

test("the table shows each part's share of the bound, but not of presets and of precisions without a peak", () => {
  const operations = operationsOf(ARCHITECTURE, runOf("pytorch-bf16"));
  // The transformer takes 4 s, the head 2 s and the VAE 2 s.
  const peaks = { bfloat16: operations.transformer / 2e9, cacheGBs: 1, memoryGBs: 1 };
  const sides = ["pytorch-bf16", "marimba-int8", "marimba-int8-fast"] as const;
  const table = summaryTable(new Map(sides.map((side) => [side, [runOf(side)]])), {
    architecture: ARCHITECTURE,
    peaks,
  });
  const shares = [operations.head, operations.decode].map((part) => ((100 * part) / operations.transformer).toFixed(0));
  expect(table).toContain(` 50, ${shares.join(", ")} % `);
  expect(table.match(/ %/g)).toHaveLength(1);
});
