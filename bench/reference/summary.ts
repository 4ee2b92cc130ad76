import { markdownTable } from "../../src/markdown-table.js";
import { median, pairedRatio } from "../statistics.js";
import { SIDES, type Side } from "./options.js";
import type { RunRecord } from "./records.js";

const PARTS = ["encoder and decoder", "diffusion head", "VAE", "other", "whole"] as const;
type Part = (typeof PARTS)[number];

/** Seconds of each part of a batch; each computed step stands for `every` steps. */
function seconds({ stepTimes, decode, every }: RunRecord): Record<Part, number> {
  const sum = (part: "transformer" | "head" | "other") =>
    (every * stepTimes.reduce((total, step) => total + step[part], 0)) / 1000;
  const parts = {
    "encoder and decoder": sum("transformer"),
    "diffusion head": sum("head"),
    VAE: decode / 1000,
    other: sum("other"),
  };
  return { ...parts, whole: Object.values(parts).reduce((total, part) => total + part, 0) };
}

/** `runs` holds each side's runs of one batch size, round by round. */
export function summaryTable(runs: ReadonlyMap<Side, readonly RunRecord[]>): string {
  const measured = new Map([...runs].map(([side, records]) => [side, records.map(seconds)]));
  const sides = SIDES.filter((side) => measured.has(side));
  const ratios = (
    [
      ["pytorch-fp32", "marimba-fp32"],
      ["pytorch-bf16", "marimba-int8"],
      ["pytorch-fp32", "marimba-int8"],
      ["pytorch-bf16", "marimba-int8-balanced"],
      ["pytorch-bf16", "marimba-int8-fast"],
      ["pytorch-tf32", "marimba-fp16"],
      ["pytorch-bf16", "marimba-fp16"],
      ["pytorch-bf16-compile", "marimba-fp16"],
      ["pytorch-bf16-compile", "marimba-fp16-balanced"],
    ] as const
  ).filter((pair) => pair.every((side) => measured.has(side)));
  const rows = PARTS.map((part) => [
    part,
    ...sides.map((side) => `${median(measured.get(side)!.map((run) => run[part])).toFixed(2)} s`),
    ...ratios.map(([over, under]) => {
      if (part === "other") return "";
      const rounds = Math.min(measured.get(over)!.length, measured.get(under)!.length);
      const of = (side: Side) =>
        measured
          .get(side)!
          .slice(0, rounds)
          .map((run) => run[part]);
      return pairedRatio(of(over), of(under)).toFixed(2);
    }),
  ]);
  const memory = sides.map((side) => `${Math.max(...runs.get(side)!.map((run) => run.peakRssMib)).toFixed(0)} MiB`);
  rows.push(["peak memory", ...memory, ...ratios.map(() => "")]);
  const gpuMemory = sides.map((side) => {
    const peaks = runs.get(side)!.flatMap(({ peakGpuMib }) => peakGpuMib ?? []);
    return peaks.length > 0 ? `${Math.max(...peaks).toFixed(0)} MiB` : "";
  });
  if (gpuMemory.some(Boolean)) {
    rows.push(["peak memory of the GPU", ...gpuMemory, ...ratios.map(() => "")]);
    rows.push([
      "copies, of the time in ONNX runs",
      ...sides.map((side) => copied(runs.get(side)!)),
      ...ratios.map(() => ""),
    ]);
  }
  // Skipping steps does not skip what surrounds them: only whole images show the share.
  const outside = sides.map((side) => {
    const whole = runs.get(side)!.flatMap(({ every, wall, onnx }) => (every === 1 && onnx ? [1 - onnx / wall] : []));
    return whole.length > 0 ? `${(100 * median(whole)).toFixed(2)} %` : "";
  });
  if (outside.some(Boolean)) rows.push(["outside ONNX runs", ...outside, ...ratios.map(() => "")]);
  return markdownTable(["", ...sides, ...ratios.map(([over, under]) => `${over} / ${under}`)], rows);
}

/** The share of ONNX Runtime's time that copying inputs and outputs takes. */
function copied(runs: readonly RunRecord[]): string {
  const shares = runs.flatMap(({ copies, onnx }) => (copies && onnx ? [copies.ms / onnx] : []));
  return shares.length > 0 ? `${(100 * median(shares)).toFixed(1)} %` : "";
}
