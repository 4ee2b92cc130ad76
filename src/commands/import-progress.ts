import type { ImportProgress } from "../importer/progress.js";

export interface ImportWatch {
  readonly update: (progress: ImportProgress) => void;
  stop(): void;
}

const MEGABYTE = 1e6;

/** Shows an import's progress: a bar on a terminal, elsewhere one line for each tenth that is done. */
export async function watchImport(stream: NodeJS.WriteStream): Promise<ImportWatch> {
  return stream.isTTY ? watchWithBar(stream) : watchWithLines(stream);
}

async function watchWithBar(stream: NodeJS.WriteStream): Promise<ImportWatch> {
  const { Presets, SingleBar } = await import("cli-progress");
  const bar = new SingleBar(
    {
      format: "{bar} {percentage} % | {value}/{total} MB | {step}",
      stream,
      hideCursor: true,
      clearOnComplete: true,
      // The command handles Ctrl-C itself.
      gracefulExit: false,
    },
    Presets.shades_classic,
  );
  let started = false;
  return {
    update({ step, doneBytes, totalBytes }) {
      if (!started) bar.start(Math.ceil(totalBytes / MEGABYTE), 0, { step });
      started = true;
      bar.update(Math.ceil(doneBytes / MEGABYTE), { step });
    },
    stop() {
      if (started) bar.stop();
    },
  };
}

function watchWithLines(stream: NodeJS.WritableStream): ImportWatch {
  let shownTenths = -1;
  return {
    update({ step, doneBytes, totalBytes }) {
      const tenths = Math.floor((10 * doneBytes) / totalBytes);
      if (tenths <= shownTenths) return;
      shownTenths = tenths;
      stream.write(`${10 * tenths} % of ${(totalBytes / MEGABYTE).toFixed(0)} MB, ${step}\n`);
    },
    stop() {},
  };
}
