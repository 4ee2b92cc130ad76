import { appendFileSync } from "node:fs";
import { expect } from "vitest";

/** What became of accepted jobs and their images. */
interface Outcomes {
  readonly accepted: number;
  readonly completed: number;
  /** Neither completed nor failed for a stated reason. */
  readonly lost: number;
  readonly images: number;
  /** Other bytes than an undisturbed run gives. */
  readonly differing: number;
}

/** How long a disturbed service took until it made an image again. */
interface Recovery {
  readonly recoveryMs: number;
}

export type Tally = Outcomes | Recovery;

/** Notes a tally of the running test where scripts/long-form.js adds them all up. */
export function note(tally: Tally): void {
  const test = expect.getState().currentTestName;
  if (process.env.CHAOS_TALLY) appendFileSync(process.env.CHAOS_TALLY, `${JSON.stringify({ test, ...tally })}\n`);
}
