import type { JobRecord } from "../job.js";

/** A job's progress as it is shown. A completed job has made all its steps, though the last were not told one by one. */
export function shownProgress(state: JobRecord["state"], step: number, of: number): { step: number; of: number } {
  return { step: state === "completed" ? of : step, of };
}
