// Whether the server answers. Once it doesn't, it is asked now and then until it does; the page shows a banner meanwhile.
import { delay } from "./delay.js";

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 8000;
const PATIENCE_MS = 5000;

export const connection = new EventTarget();
let back;

/** Tells that a request found nobody. */
export function markLost() {
  if (back) return;
  connection.dispatchEvent(new Event("lost"));
  back = untilItAnswers().then(() => {
    back = undefined;
    connection.dispatchEvent(new Event("back"));
  });
}

/** Resolves once the server answers (at once, where nobody found it gone); rejects when the signal aborts. */
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

async function untilItAnswers() {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 1.5, LONGEST_WAIT_MS)) {
    await delay(waitMs);
    if (await answers()) return;
  }
}

async function answers() {
  try {
    return (await fetch("/health/live", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) })).ok;
  } catch {
    return false;
  }
}
