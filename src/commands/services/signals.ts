import { constants } from "node:os";

/** Ctrl-C under `npm start` comes twice, from the terminal and from npm: so close together they are one. */
const SAME_SIGNAL_MS = 500;
/** The first process of a container is not ended by its own signals. */
const IGNORED_AFTER_MS = 200;

let onSecondShutdown: (signal: NodeJS.Signals) => void = () => {};
let asked: NodeJS.Signals | undefined;
let shutdown: Promise<NodeJS.Signals> | undefined;

/** Resolves with the first SIGTERM or SIGINT since `listenForShutdown`. A second one ends the process at once. */
export function shutdownSignal(onSecond: (signal: NodeJS.Signals) => void): Promise<NodeJS.Signals> {
  onSecondShutdown = onSecond;
  return listenForShutdown();
}

/** Signals count from here on: called before the code of a service is loaded, which takes its time. */
export function listenForShutdown(): Promise<NodeJS.Signals> {
  shutdown ??= new Promise((resolve) => {
    const onFirst = (signal: NodeJS.Signals) => {
      asked = signal;
      resolve(signal);
    };
    onSignals(["SIGTERM", "SIGINT"], onFirst, (signal) => onSecondShutdown(signal));
  });
  return shutdown;
}

/** The signal that came already. */
export function shutdownAsked(): NodeJS.Signals | undefined {
  return asked;
}

/**
 * Calls back with the first of these signals. A second one, later than a moment, ends the process at once after
 * `onSecond`. Returns what stops the listening.
 */
export function onSignals(
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
