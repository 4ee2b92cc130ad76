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

const most = (mebibytes: readonly number[]) => (mebibytes.length > 0 ? `${Math.max(...mebibytes).toFixed(0)} MiB` : "");
const usual = (shares: readonly number[], digits: number) =>
  shares.length > 0 ? `${(100 * median(shares)).toFixed(digits)} %` : "";

/** What is known of a side's runs beside their times; empty where nothing is. */
const FACTS: readonly (readonly [string, (runs: readonly RunRecord[]) => string])[] = [
  ["peak memory", (runs) => most(runs.map(({ peakRssMib }) => peakRssMib))],
  ["peak memory of the GPU", (runs) => most(runs.flatMap(({ peakGpuMib }) => peakGpuMib ?? []))],
  [
    "copies, of the time in ONNX runs",
    (runs) =>
      usual(
        runs.flatMap(({ peakGpuMib, copies, onnx }) => (peakGpuMib && copies && onnx ? [copies.ms / onnx] : [])),
        1,
      ),
  ],
  [
    "outside ONNX runs",
    // Skipping steps does not skip what surrounds them: only whole images show the share.
    (runs) =>
      usual(
        runs.flatMap(({ every, wall, onnx }) => (every === 1 && onnx ? [1 - onnx / wall] : [])),
        2,
      ),
  ],
];

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
  for (const [title, of] of FACTS) {
    const cells = sides.map((side) => of(runs.get(side)!));
    if (cells.some(Boolean)) rows.push([title, ...cells, ...ratios.map(() => "")]);
  }
  return markdownTable(["", ...sides, ...ratios.map(([over, under]) => `${over} / ${under}`)], rows);
}
