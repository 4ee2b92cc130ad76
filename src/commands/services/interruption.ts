import { onSignals } from "./signals.js";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The exit code of a command that a signal ended before its work was done. */
export const INTERRUPTED = 130;

const leave = () => process.exit(INTERRUPTED);

/** While a command's code is loaded there is nothing to clean up. `interruptible` takes over. */
export function leaveWhenInterrupted(): void {
  for (const signal of SIGNALS) process.on(signal, leave);
}

/**
 * Runs a command whose signal aborts with the first Ctrl-C, SIGTERM or SIGHUP, so that it can clean up; a second one
 * ends the process at once. What it throws then is no error: the exit code is 130.
 */
export async function interruptible(run: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const abort = new AbortController();
  const stopListening = onSignals(
    SIGNALS,
    () => abort.abort(),
    () => {},
  );
  for (const signal of SIGNALS) process.off(signal, leave);
  try {
    return await run(abort.signal);
  } catch (error) {
    if (abort.signal.aborted) return INTERRUPTED;
    throw error;
  } finally {
    stopListening();
  }
}
