import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readArguments } from "../../src/commands/command-line.js";

const USAGE = `npm run bench: the cost of HTTP, queue, batching and PNG

  npm run bench -- [options]

  --model-folder DIR  the model to measure (default: models/demo)
  --quick             a sixth of the images in one round, to see that it works
  --help              print this

Environment variables configure the server and the engine, as always: MAX_BATCH, MAX_BATCH_DELAY_MS, THREADS.
`;

/** How much to measure. */
export interface Amounts {
  readonly rounds: number;
  /** Concurrent requests, and images in each round. */
  readonly levels: readonly { readonly concurrency: number; readonly total: number }[];
  /** Requests that are sent together, and then one after another. */
  readonly together: number;
  /** Images without an engine, in each round. */
  readonly plain: number;
}

const FULL: Amounts = {
  rounds: 3,
  levels: [
    { concurrency: 1, total: 6 },
    { concurrency: 8, total: 24 },
    { concurrency: 32, total: 48 },
  ],
  together: 64,
  plain: 400,
};
const QUICK: Amounts = {
  rounds: 1,
  levels: [
    { concurrency: 1, total: 2 },
    { concurrency: 8, total: 8 },
    { concurrency: 32, total: 32 },
  ],
  together: 16,
  plain: 100,
};

export interface BenchOptions {
  readonly modelFolder: string;
  readonly amounts: Amounts;
}

/** Undefined if it has printed the help. */
export function readBenchOptions(argv: string[]): BenchOptions | undefined {
  const { values } = readArguments({
    args: argv,
    options: {
      "model-folder": {
        type: "string",
        default: join(fileURLToPath(new URL("../../models/", import.meta.url)), "demo"),
      },
      quick: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return undefined;
  }
  return { modelFolder: values["model-folder"], amounts: values.quick ? QUICK : FULL };
}
