import { Problem } from "../../errors.js";
import type { JobRecord } from "../../job.js";
import type { GetResult, JobQueue } from "../../queue/queue.js";
import { maySee, type Principal } from "../access/principal.js";

/** Every id that was ever given out looks like this; anything else is not even asked for. */
const JOB_ID = /^[A-Za-z0-9_-]{8,64}$/;

/** The record of a job that exists and that the caller may see. Throws `job_not_found` or `job_expired`. */
export async function findJob(id: string, queue: JobQueue, principal: Principal): Promise<JobRecord> {
  const record = foundRecord(JOB_ID.test(id) ? await queue.get(id) : { kind: "unknown" }, id);
  return maySee(principal, record.spec) ? record : foundRecord({ kind: "unknown" }, id);
}

export function foundRecord(result: GetResult, id: string): JobRecord {
  if (result.kind === "found") return result.record;
  if (result.kind === "expired") {
    throw new Problem(
      "job_expired",
      `The job ${id} is kept no longer; RESULT_TTL_S says how long after its end one is.`,
    );
  }
  throw new Problem("job_not_found", `There is no job ${JSON.stringify(id)}.`);
}
