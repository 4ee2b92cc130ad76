import { constants } from "node:os";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;
/** Ctrl-C under `npm start` comes twice, from the terminal and from npm: so close together they are one. */
const SAME_SIGNAL_MS = 500;

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
        process.exit(128 + constants.signals[signal]);
      }
    };
    for (const signal of SIGNALS) process.on(signal, onSignal);
  });
}
