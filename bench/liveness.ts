import { setTimeout as sleep } from "node:timers/promises";
import { HttpClient } from "./http-client.js";

/** How often `/health/live` is asked. */
const PROBE_MS = 20;

/** Asks at fixed times, whether or not the last answer is there: a slow answer hides none that would have followed. */
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
    /** Latencies from the time each was due, in ms. */
    async stop(): Promise<number[]> {
      stopped = true;
      await done;
      const latencies = await Promise.all(answers);
      http.close();
      return latencies;
    },
  };
}
