import { constants } from "node:os";

/** Ctrl-C under `npm start` arrives twice, from the terminal and from npm: signals this close together are one. */
const SAME_SIGNAL_MS = 500;
/** The first process of a container is not ended by its own signals. */
const IGNORED_AFTER_MS = 200;

const INTERRUPTS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The exit code of a command that a signal ended before its work was done. */
export const INTERRUPTED = 130;

let onSecondShutdown: (signal: NodeJS.Signals) => void = () => {};
let requested: NodeJS.Signals | undefined;
let shutdown: Promise<NodeJS.Signals> | undefined;

/** Resolves with the first SIGTERM or SIGINT since `listenForShutdown`. A second one ends the process at once. */
export function shutdownSignal(onSecond: (signal: NodeJS.Signals) => void): Promise<NodeJS.Signals> {
  onSecondShutdown = onSecond;
  return listenForShutdown();
}

/** Signals count from this call on: it comes before a service's code is loaded, which takes a while. */
export function listenForShutdown(): Promise<NodeJS.Signals> {
  shutdown ??= new Promise((resolve) => {
    const onFirst = (signal: NodeJS.Signals) => {
      requested = signal;
      resolve(signal);
    };
    onSignals(["SIGTERM", "SIGINT"], onFirst, (signal) => onSecondShutdown(signal));
  });
  return shutdown;
}

/** The signal that has already arrived, if any. */
export function shutdownRequested(): NodeJS.Signals | undefined {
  return requested;
}

const leave = () => process.exit(INTERRUPTED);

/** While a command's code is being loaded there is nothing to clean up. `interruptible` takes over. */
export function leaveWhenInterrupted(): void {
  for (const signal of INTERRUPTS) process.on(signal, leave);
}

/**
 * Runs a command. Its signal aborts at the first Ctrl-C, SIGTERM or SIGHUP, so that the command can clean up; a second one
 * ends the process at once. An error after that is not reported: the exit code is 130.
 */
export async function interruptible(run: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const abort = new AbortController();
  const stopListening = onSignals(
    INTERRUPTS,
    () => abort.abort(),
    () => {},
  );
  for (const signal of INTERRUPTS) process.off(signal, leave);
  try {
    return await run(abort.signal);
  } catch (error) {
    if (abort.signal.aborted) return INTERRUPTED;
    throw error;
  } finally {
    stopListening();
  }
}

/**
 * Calls `onFirst` with the first of these signals. A second one, if it is not a duplicate, calls `onSecond` and ends the
 * process at once. Returns a function that stops listening.
 */
function onSignals(
  signals: readonly NodeJS.Signals[],
  onFirst: (signal: NodeJS.Signals) => void,
  onSecond: (signal: NodeJS.Signals) => void,
): () => void {
  let firstMs: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (firstMs === undefined) {
      firstMs = performance.now();
      onFirst(signal);
    } else if (performance.now() - firstMs > SAME_SIGNAL_MS) {
      onSecond(signal);
      dieOf(signal);
    }
  };
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
}

/** By the signal itself: `process.exit` would wait for engine threads, and aborts when one is inside ONNX Runtime. */
function dieOf(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  setTimeout(() => process.exit(128 + constants.signals[signal]), IGNORED_AFTER_MS);
}
