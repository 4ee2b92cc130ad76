import type { MarArchitecture } from "../../src/families/mar/model.js";
import type { Deviation } from "../../src/importer/imported-family.js";
import { markdownTable } from "../../src/markdown-table.js";
import type { Architecture } from "../../src/model/manifest.js";
import type { Peaks } from "../profile/peaks.js";
import { median, pairedRatio } from "../statistics.js";
import { operationsOf } from "./operations.js";
import { SIDES, type Side } from "./options.js";
import type { RunRecord } from "./records.js";
import { isMarimba, precisionOf, presetOf } from "./sides.js";

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

/** What bounds the time of a part on a machine. */
export interface Bound {
  readonly architecture: Architecture<MarArchitecture>;
  readonly peaks: Peaks;
}

const TYPES: Readonly<Record<string, "float32" | "bfloat16" | "int8">> = {
  fp32: "float32",
  bf16: "bfloat16",
  int8: "int8",
};

/**
 * Of the time of transformer, head and VAE, the share in which the machine could make their products in the side's precision.
 * Empty for presets, which have other steps, and for precisions whose peak is not known.
 */
function shareOfBound(side: Side, runs: readonly RunRecord[], { architecture, peaks }: Bound): string {
  const type = TYPES[precisionOf(side)];
  const peak = type && peaks[type];
  if (!peak || presetOf(side) !== undefined) return "";
  const { transformer, head, decode } = operationsOf(architecture, runs[0]!);
  const parts = [
    ["encoder and decoder", transformer],
    ["diffusion head", head],
    ["VAE", decode],
  ] as const;
  const shares = parts.map(([part, operations]) => {
    const time = median(runs.map((run) => seconds(run)[part]));
    return (operations / peak / 1e9 / time) * 100;
  });
  return `${shares.map((share) => share.toFixed(0)).join(", ")} %`;
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
export function summaryTable(runs: ReadonlyMap<Side, readonly RunRecord[]>, bound?: Bound): string {
  const measured = new Map([...runs].map(([side, records]) => [side, records.map(seconds)]));
  const sides = SIDES.filter((side) => measured.has(side));
  // All are compared with Marimba's fastest that computes every step.
  const base = sides.findLast((side) => isMarimba(side) && presetOf(side) === undefined);
  const facts = FACTS.filter(([, of]) => sides.some((side) => of(runs.get(side)!)));
  const rows = sides.map((side) => {
    const times = measured.get(side)!;
    const cells = PARTS.map((part) => `${median(times.map((run) => run[part])).toFixed(2)} s`);
    if (base) cells.push(timesAsLong(times, measured.get(base)!));
    if (bound) cells.push(shareOfBound(side, runs.get(side)!, bound));
    return [side, ...cells, ...facts.map(([, of]) => of(runs.get(side)!))];
  });
  const ratio = base ? [`times as long as ${base}`] : [];
  if (bound) ratio.push("of the bound, by part");
  return markdownTable(["", ...PARTS, ...ratio, ...facts.map(([title]) => title)], rows);
}

/** The median of the rounds that both have. */
function timesAsLong(of: readonly Record<Part, number>[], than: readonly Record<Part, number>[]): string {
  const rounds = Math.min(of.length, than.length);
  const [over, under] = [of, than].map((times) => times.slice(0, rounds).map(({ whole }) => whole));
  return pairedRatio(over!, under!).toFixed(2);
}
