import { Presets, SingleBar } from "cli-progress";

export interface SampleProgress {
  /** One image has done one more of its steps. */
  step(): void;
  stop(): void;
}

/** Shows how many steps of all images are done: a bar on a terminal, elsewhere a line for each quarter. */
export function showSampleProgress(steps: number, images: number, stream: NodeJS.WriteStream): SampleProgress {
  const what = images === 1 ? "1 picture" : `${images} pictures`;
  if (!stream.isTTY) return showLines(steps * images, what, stream);
  const format = `{bar} {percentage} % | ${what} | {duration_formatted}`;
  const bar = new SingleBar(
    { format, stream, hideCursor: true, clearOnComplete: true, gracefulExit: false },
    Presets.shades_classic,
  );
  bar.start(steps * images, 0);
  return { step: () => bar.increment(), stop: () => bar.stop() };
}

function showLines(total: number, what: string, stream: NodeJS.WriteStream): SampleProgress {
  let done = 0;
  let shownQuarters = 0;
  return {
    step() {
      done++;
      const quarters = Math.floor((4 * done) / total);
      if (quarters > shownQuarters) stream.write(`${what}: ${25 * quarters} %\n`);
      shownQuarters = quarters;
    },
    stop() {},
  };
}
