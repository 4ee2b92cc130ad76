import { Presets, SingleBar } from "cli-progress";

export interface Progress {
  /** One more unit is done. */
  step(): void;
  stop(): void;
}

/** Without a terminal: when the first line comes, and how long after it the next. */
const FIRST_LINE_MS = 1000;
const LINE_MS = 10_000;

/** Shows how much of `total` is done and the time left: a bar on a terminal, otherwise a line now and then. */
export function showProgress(what: string, total: number, stream: NodeJS.WriteStream): Progress {
  if (total === 0) return { step() {}, stop() {} };
  if (!stream.isTTY) return showLines(what, total, stream);
  const format = `${what} {bar} {value} of {total} | {duration_formatted}, {eta_formatted} left`;
  const bar = new SingleBar(
    // The command handles Ctrl-C itself.
    { format, stream, hideCursor: true, clearOnComplete: true, gracefulExit: false, etaBuffer: 200 },
    Presets.shades_classic,
  );
  bar.start(total, 0);
  return { step: () => bar.increment(), stop: () => bar.stop() };
}

function showLines(what: string, total: number, stream: NodeJS.WriteStream): Progress {
  const startMs = performance.now();
  let done = 0;
  let nextLineMs = startMs + FIRST_LINE_MS;
  return {
    step() {
      done++;
      const nowMs = performance.now();
      if (nowMs < nextLineMs) return;
      nextLineMs = nowMs + LINE_MS;
      const leftS = ((nowMs - startMs) / 1000) * ((total - done) / done);
      stream.write(`${what}: ${done} of ${total}, ${duration(leftS)} left\n`);
    },
    stop() {},
  };
}

/** For example 41 s, 12 min or 3.4 h. */
function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
