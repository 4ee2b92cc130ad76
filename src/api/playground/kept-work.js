// Work under way, stored per tab, so that a reloaded page can resume it.
import { jobPath, requestJson, Unreachable } from "./api/request.js";
import { forget, recall, remember } from "./stored.js";

const NAME = "work";

export function keepWork(work) {
  remember(NAME, JSON.stringify(work), "sessionStorage");
}

export const forgetWork = () => forget(NAME);

/**
 * The work that was under way in this tab, with the current state of its jobs; undefined if there was none. Drops the work
 * if the server no longer has one of its jobs for this key. Throws `Unreachable`.
 */
export async function recallWork() {
  try {
    const work = JSON.parse(recall(NAME, "sessionStorage"));
    return work && { ...work, jobs: await Promise.all(work.jobs.map((job) => requestJson(jobPath(job)))) };
  } catch (error) {
    if (error instanceof Unreachable) throw error;
    forgetWork();
    return undefined;
  }
}
