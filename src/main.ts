#!/usr/bin/env node
import { leaveWhenInterrupted } from "./commands/services/interruption.js";
import { listenForShutdown } from "./commands/services/signals.js";
import { VERSION } from "./files/package.js";
import { nearMisses } from "./validation/near-misses.js";

type Command = (argv: string[]) => Promise<number>;

interface CommandEntry {
  readonly summary: string;
  /** What signals do from the start, while the command's code is loaded. */
  readonly handleSignals?: () => void;
  readonly load: () => Promise<Command>;
}

/** Each command loads its own code only: `--help` is instant, and `sample` needs no HTTP. */
const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  serve: {
    summary: "answer HTTP requests: API and worker in one process",
    handleSignals: listenForShutdown,
    load: async () => (await import("./commands/serve.js")).runServe,
  },
  api: {
    summary: "answer HTTP requests, and queue jobs in Redis",
    handleSignals: listenForShutdown,
    load: async () => (await import("./commands/api.js")).runApi,
  },
  worker: {
    summary: "make the pictures that are queued in Redis",
    handleSignals: listenForShutdown,
    load: async () => (await import("./commands/worker.js")).runWorker,
  },
  queue: {
    summary: "look at the queue in Redis; pause, resume and drain it",
    load: async () => (await import("./commands/queue.js")).runQueue,
  },
  key: {
    summary: "make an API key",
    load: async () => (await import("./commands/key.js")).runKey,
  },
  sample: {
    summary: "make pictures from the terminal",
    handleSignals: leaveWhenInterrupted,
    load: async () => (await import("./commands/sample.js")).runSample,
  },
  evaluate: {
    summary: "measure a model's pictures: Fréchet distance, Inception Score, precision, recall",
    handleSignals: leaveWhenInterrupted,
    load: async () => (await import("./commands/evaluation/evaluate.js")).runEvaluate,
  },
  sweep: {
    summary: "quality and time of a model over its sampling parameters, as a table and charts",
    handleSignals: leaveWhenInterrupted,
    load: async () => (await import("./commands/sweep/sweep.js")).runSweep,
  },
  import: {
    summary: "turn a MAR checkpoint and its tokenizer into a model",
    handleSignals: leaveWhenInterrupted,
    load: async () => (await import("./commands/import.js")).runImport,
  },
  parity: {
    summary: "compare a checkpoint's numbers with recordings of the reference",
    load: async () => (await import("./commands/parity.js")).runParity,
  },
};

const USAGE = `Marimba ${VERSION} serves class-conditional images from MAR models.

  marimba COMMAND [options]

${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(8)} ${summary}`)
  .join("\n")}

  marimba COMMAND --help says more.
`;

async function main([name, ...argv]: string[]): Promise<number> {
  if (name === "--version") process.stdout.write(`${VERSION}\n`);
  else if (name === "--help" || name === "-h" || name === "help") process.stdout.write(USAGE);
  else if (name !== undefined && Object.hasOwn(COMMANDS, name)) return run(name, argv);
  else return misused(name);
  return 0;
}

async function run(name: string, argv: string[]): Promise<number> {
  const { handleSignals, load } = COMMANDS[name]!;
  handleSignals?.();
  const command = await load();
  try {
    return await command(argv);
  } catch (error) {
    const { reportError } = await import("./commands/command-line.js");
    return reportError(error, name);
  }
}

function misused(name: string | undefined): number {
  if (name === undefined) process.stderr.write(USAGE);
  else {
    const [meant] = nearMisses(name, Object.keys(COMMANDS));
    const hint = meant ? `did you mean ${meant}?` : "marimba --help lists those there are.";
    process.stderr.write(`There is no command ${JSON.stringify(name)}; ${hint}\n`);
  }
  return 2;
}

/** How long open handles may outlive the command: output still being written, not what was forgotten. */
const LINGER_MS = 1000;

// A reader that has seen enough (`marimba --help | head -1`) is no error, and a server must outlive its log: what can't be
// written, to a full disk or to a reader that is gone, is dropped.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
process.exitCode = await main(process.argv.slice(2));
setTimeout(() => process.exit(), LINGER_MS).unref();
