import { expect, test } from "vitest";
import { ALLOWED, formatReport, Report, relativeError } from "../../../src/evaluation/parity/report.js";

test("the error is the largest difference over the root mean square of what was recorded", () => {
  expect(relativeError([1, 2, 3], [1, 2, 3])).toBe(0);
  expect(relativeError([0, 0], [3, 4])).toBeCloseTo(4 / Math.sqrt(12.5));
  expect(relativeError([0, 0], [0, 0])).toBe(0);
  expect(relativeError([1e-9, 0], [0, 0])).toBe(Number.POSITIVE_INFINITY);
});

test.each([
  [[Number.NaN], [1]],
  [[1], [Number.NaN]],
  [[Number.POSITIVE_INFINITY], [Number.POSITIVE_INFINITY]],
])("anything but finite numbers is an infinite error: %j against %j", (actual, expected) => {
  expect(relativeError(actual, expected)).toBe(Number.POSITIVE_INFINITY);
});

test("an error just above what is allowed fails, one just below does not", () => {
  const verdict = (error: number) => {
    const report = new Report();
    const numbers = (value: number) => ({ shape: [1], data: [value] });
    report.numbers("r", "s", "at", ALLOWED.transformer, numbers(1 + error), numbers(1));
    return report.failed;
  };
  expect(verdict(0.99e-4)).toBe(false);
  expect(verdict(1.01e-4)).toBe(true);
});

test("the same numbers in another shape, or fewer of them, fail", () => {
  for (const actual of [
    { shape: [2, 1], data: [1, 2] },
    { shape: [1, 2], data: [1] },
    { shape: [1, 2], data: [] },
  ]) {
    const report = new Report();
    report.numbers("r", "s", "at", 1, actual, { shape: [1, 2], data: [1, 2] });
    expect(report.failed).toBe(true);
  }
});

test("the table names the worst comparison of each stage and says what was wrong", () => {
  const report = new Report();
  report.numbers("run", "z", "step 1", 1e-4, { shape: [1], data: [1.00001] }, { shape: [1], data: [1] });
  report.numbers("run", "z", "step 2", 1e-4, { shape: [1], data: [1.5] }, { shape: [1], data: [1] });
  report.holds("run", "mask schedule", "step 3", false, "ours 1, recorded 2");
  const table = formatReport(report);
  expect(table).toMatch(/run +z +2 +5\.0e-1 +1e-4 +FAILED 1, worst at step 2/);
  expect(table).toContain("step 3: ours 1, recorded 2");
});
