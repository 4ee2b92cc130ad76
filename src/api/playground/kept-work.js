// What is being made, so that a page that is loaded again takes it up. Each tab has its own.
import { requestJson, Unreachable } from "./api/request.js";
import { forget, recall, remember } from "./stored.js";

const NAME = "work";

export function keepWork(work) {
  remember(NAME, JSON.stringify(work), "sessionStorage");
}

export const forgetWork = () => forget(NAME);

/**
 * What this tab was making when it was left, its jobs as they are now; undefined where it made nothing. Work is dropped
 * where the server has a job of it no longer, or not for this key. Throws `Unreachable`.
 */
export async function recallWork() {
  try {
    const work = JSON.parse(recall(NAME, "sessionStorage"));
    return work && { ...work, jobs: await Promise.all(work.jobs.map(({ links }) => requestJson(links.self))) };
  } catch (error) {
    if (error instanceof Unreachable) throw error;
    forgetWork();
    return undefined;
  }
}
