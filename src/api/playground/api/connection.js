// Watches the connection. Once it is lost, polls the server until it responds; meanwhile the page shows a banner.
import { delay } from "./delay.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
const TIMEOUT_MS = 4000;
/** As many connections as a browser keeps open to a host: all may be dead, and a request closes one that does not respond. */
const PROBES = 6;

export const connection = new EventTarget();
let back;

/** Reports that a request did not reach the server. */
export function markLost() {
  if (back) return;
  connection.dispatchEvent(new Event("lost"));
  back = untilReachable().then(() => {
    back = undefined;
    connection.dispatchEvent(new Event("back"));
  });
}

/** Resolves once the server responds (at once if the connection is not lost); rejects when the signal aborts. */
export function whenBack(signal) {
  if (!back) return Promise.resolve();
  if (!signal) return back;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    back.then(resolve).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

async function untilReachable() {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 1.5, LONGEST_WAIT_MS)) {
    await delay(waitMs);
    const isReached = await Promise.any(Array.from({ length: PROBES }, probe)).catch(() => false);
    if (isReached) return;
  }
}

async function probe() {
  return (await fetch("health/live", { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) })).ok;
}
