import { appendFileSync } from "node:fs";

/** What became of accepted jobs and their images. */
interface Outcomes {
  readonly jobs: number;
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

/** Notes a tally where `npm run test:chaos` adds them all up. */
export function note(tally: Tally): void {
  if (process.env.CHAOS_TALLY) appendFileSync(process.env.CHAOS_TALLY, `${JSON.stringify(tally)}\n`);
}
