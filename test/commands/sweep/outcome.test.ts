import { describe, expect, it } from "vitest";
import { tradeoffSvg } from "../../../src/commands/sweep/figures.js";
import { sweepOutcomes, sweepTable } from "../../../src/commands/sweep/outcome.js";
import type { SweepPoint } from "../../../src/commands/sweep/points.js";
import type { SweepResults } from "../../../src/commands/sweep/results.js";

/** Milliseconds, distance and recall of points by name. */
type Measured = Record<string, readonly [ms: number, distance: number, recall?: number]>;

function outcomesOf(measured: Measured, isTimed = true) {
  const points = Object.keys(measured).map((name) => {
    const setting = name.replace("again ", "");
    return { name, preset: name, parameters: { setting } } as unknown as SweepPoint;
  });
  const results = {
    measuresOf: ({ name }: SweepPoint) => ({ frechet_distance: measured[name]![1], recall: measured[name]![2] }),
    roundsOf: () => (isTimed ? [Object.fromEntries(Object.entries(measured).map(([name, [ms]]) => [name, ms]))] : []),
  };
  return sweepOutcomes(points, results as unknown as SweepResults);
}
const front = (measured: Measured) =>
  outcomesOf(measured)
    .filter(({ isOnFront }) => isOnFront)
    .map(({ point }) => point.name);

describe("the front of a sweep", () => {
  it("holds what is slower only where it is nearer or more varied", () => {
    expect(
      front({ exact: [100, 0.3, 0.7], slow: [90, 0.31, 0.6], balanced: [20, 0.25, 0.6], fast: [10, 0.27, 0.5] }),
    ).toEqual(["exact", "balanced", "fast"]);
    expect(front({ exact: [100, 0.3], balanced: [20, 0.25], fast: [10, 0.25] })).toEqual(["fast"]);
    expect(front({ one: [10, 0.3, 0.7], same: [10, 0.3, 0.7] })).toEqual(["one", "same"]);
    expect(front({ one: [10, 0.3], "again one": [9, 0.3], other: [11, 0.3] })).toEqual(["one", "again one"]);
  });

  it("is marked in the table and the chart, where times were taken", () => {
    const measured: Measured = { exact: [100, 0.3, 0.7], slow: [110, 0.31, 0.6] };
    const lastCells = (isTimed: boolean) => {
      const rows = sweepTable(outcomesOf(measured, isTimed)).trimEnd().split("\n").slice(2);
      return rows.map((row) =>
        row
          .split("|")
          .slice(-4, -1)
          .map((cell) => cell.trim()),
      );
    };
    expect(lastCells(true)).toEqual([
      ["100", "1", "yes"],
      ["110", "0.909", ""],
    ]);
    expect(lastCells(false)).toEqual([
      ["", "", ""],
      ["", "", ""],
    ]);
    const svg = tradeoffSvg(outcomesOf(measured), "demo")!;
    expect(svg.match(/class="hollow"/g)).toHaveLength(1);
    expect(svg).toContain("exact (1×, recall 0.70)");
  });
});
