import { constants } from "node:os";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;
/** Ctrl-C under `npm start` comes twice, from the terminal and from npm: so close together they are one. */
const SAME_SIGNAL_MS = 500;
/** The first process of a container is not ended by its own signals. */
const IGNORED_AFTER_MS = 200;

/** Resolves with the first SIGTERM or SIGINT. A second one, later than a moment, ends the process at once. */
export function shutdownSignal(onSecond: (signal: NodeJS.Signals) => void): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstMs: number | undefined;
    const onSignal = (signal: NodeJS.Signals) => {
      if (firstMs === undefined) {
        firstMs = performance.now();
        resolve(signal);
      } else if (performance.now() - firstMs > SAME_SIGNAL_MS) {
        onSecond(signal);
        dieOf(signal);
      }
    };
    for (const signal of SIGNALS) process.on(signal, onSignal);
  });
}

/** By the signal itself: `process.exit` would wait for engine threads, and aborts when one is inside ONNX Runtime. */
function dieOf(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  setTimeout(() => process.exit(128 + constants.signals[signal]), IGNORED_AFTER_MS);
}
