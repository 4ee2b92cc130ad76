import { isDeepStrictEqual } from "node:util";
import type { Measures } from "../../evaluation/measure.js";
import { markdownTable } from "../../markdown-table.js";
import { figure } from "../evaluation/report.js";
import type { SweepPoint } from "./points.js";
import type { SweepResults } from "./results.js";

/** A point and its results. */
export interface SweepOutcome {
  readonly point: SweepPoint;
  readonly measures: Measures;
  /** Processor milliseconds an image in a full batch: the median of the rounds. */
  readonly ms?: number;
  /** How many times as fast as the first point: the median of the rounds' ratios. */
  readonly speed?: number;
  /** On the Pareto front: no other point is at least as good in time, distance and recall, and better in one of them. */
  readonly isOnFront?: boolean;
}

/** The points measured so far. */
export function sweepOutcomes(points: readonly SweepPoint[], results: SweepResults): SweepOutcome[] {
  const rounds = results.roundsOf(points);
  const first = points[0]?.name ?? "";
  const outcomes = points.flatMap((point): SweepOutcome[] => {
    const measures = results.measuresOf(point);
    if (!measures) return [];
    if (rounds.length === 0) return [{ point, measures }];
    const ms = median(rounds.map((round) => round[point.name]!));
    const speed = median(rounds.map((round) => round[first]! / round[point.name]!));
    return [{ point, measures, ms, speed }];
  });
  if (rounds.length === 0) return outcomes;
  return outcomes.map((one) => ({ ...one, isOnFront: !outcomes.some((other) => beats(other, one)) }));
}

function beats(other: SweepOutcome, one: SweepOutcome): boolean {
  // The same settings under another name differ only in time, and only by chance.
  if (isDeepStrictEqual(other.point.parameters, one.point.parameters)) return false;
  const gains = [
    one.ms! - other.ms!,
    one.measures.frechet_distance - other.measures.frechet_distance,
    (other.measures.recall ?? 0) - (one.measures.recall ?? 0),
  ];
  return gains.every((gain) => gain >= 0) && gains.some((gain) => gain > 0);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A Markdown table of the points. */
export function sweepTable(outcomes: readonly SweepOutcome[]): string {
  const head = [
    "Point",
    "Fréchet distance",
    "95 %",
    "Inception Score",
    "Precision",
    "Recall",
    "CPU ms per image",
    "Times as fast",
    "Front",
  ];
  const cell = (value: number | undefined, digits = 3) =>
    value === undefined ? "" : Number(value.toPrecision(digits)).toString();
  const rows = outcomes.map(({ point, measures, ms, speed, isOnFront }) => [
    point.name,
    figure(measures.frechet_distance),
    measures.frechet_interval?.map((value) => cell(value)).join(" - ") ?? "",
    cell(measures.inception_score),
    cell(measures.precision),
    cell(measures.recall),
    cell(ms),
    cell(speed),
    isOnFront ? "yes" : "",
  ]);
  return `${markdownTable(head, rows)}\n`;
}
