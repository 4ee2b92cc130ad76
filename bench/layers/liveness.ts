import { setTimeout as sleep } from "node:timers/promises";
import { HttpClient } from "../http-client.js";

/** Time between two probes of `/health/live`. */
const PROBE_MS = 20;

/** Probes at fixed times, even if the last answer is pending: a slow answer must not hide those that would follow it. */
export function probeLiveness(address: string) {
  const http = new HttpClient(address);
  const answers: Promise<number>[] = [];
  let stopped = false;
  const done = (async () => {
    for (let dueMs = performance.now(); !stopped; dueMs += PROBE_MS) {
      await sleep(Math.max(0, dueMs - performance.now()));
      answers.push(http.get("/health/live").then(() => performance.now() - dueMs));
    }
  })();
  return {
    /** Resolves with the latencies in ms, each from the time its probe was due. */
    async stop(): Promise<number[]> {
      stopped = true;
      await done;
      const latencies = await Promise.all(answers);
      http.close();
      return latencies;
    },
  };
}
