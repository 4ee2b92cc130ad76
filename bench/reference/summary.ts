import type { Deviation } from "../../src/importer/imported-family.js";
import { markdownTable } from "../../src/markdown-table.js";
import { median, pairedRatio } from "../statistics.js";
import { SIDES, type Side } from "./options.js";
import type { RunRecord } from "./records.js";
import { isMarimba, presetOf } from "./sides.js";

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
const deviation = (runs: readonly RunRecord[], of: Deviation["of"]) =>
  usual(
    runs.flatMap(({ deviations = [] }) => deviations.filter((one) => one.of === of).map((one) => one.relativeRms)),
    2,
  );

/** What is known of a side's runs beside their times; empty where nothing is. */
const FACTS: readonly (readonly [string, (runs: readonly RunRecord[]) => string])[] = [
  ["z off by", (runs) => deviation(runs, "z")],
  ["sampled tokens off by", (runs) => deviation(runs, "sampled tokens")],
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

/** A row for each side. `runs` holds each side's runs of one batch size, round by round. */
export function summaryTable(runs: ReadonlyMap<Side, readonly RunRecord[]>): string {
  const measured = new Map([...runs].map(([side, records]) => [side, records.map(seconds)]));
  const sides = SIDES.filter((side) => measured.has(side));
  // All are compared with Marimba's fastest that computes every step.
  const base = sides.findLast((side) => isMarimba(side) && presetOf(side) === undefined);
  const facts = FACTS.filter(([, of]) => sides.some((side) => of(runs.get(side)!)));
  const rows = sides.map((side) => {
    const times = measured.get(side)!;
    const cells = PARTS.map((part) => `${median(times.map((run) => run[part])).toFixed(2)} s`);
    if (base) cells.push(timesAsLong(times, measured.get(base)!));
    return [side, ...cells, ...facts.map(([, of]) => of(runs.get(side)!))];
  });
  const ratio = base ? [`times as long as ${base}`] : [];
  return markdownTable(["", ...PARTS, ...ratio, ...facts.map(([title]) => title)], rows);
}

/** The median of the rounds that both have. */
function timesAsLong(of: readonly Record<Part, number>[], than: readonly Record<Part, number>[]): string {
  const rounds = Math.min(of.length, than.length);
  const [over, under] = [of, than].map((times) => times.slice(0, rounds).map(({ whole }) => whole));
  return pairedRatio(over!, under!).toFixed(2);
}
