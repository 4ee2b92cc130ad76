#!/usr/bin/env node
import { leaveWhenInterrupted, listenForShutdown } from "./commands/services/signals.js";
import { VERSION } from "./files/package.js";
import { nearMisses } from "./validation/near-misses.js";

/** What a command's module exports. */
interface Command {
  readonly usage: string;
  /** Resolves with the exit code. */
  run(argv: string[]): Promise<number>;
}

interface CommandEntry {
  readonly summary: string;
  /** What signals do from the start, while the command's code is being loaded. */
  readonly handleSignals?: () => void;
  readonly load: () => Promise<Command>;
}

/** Each command loads only its own code: `--help` is instant, and `sample` needs no HTTP. */
const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  serve: {
    summary: "run the API and a worker in one process",
    handleSignals: listenForShutdown,
    load: () => import("./commands/serve.js"),
  },
  api: {
    summary: "run the API alone; it queues jobs in Redis",
    handleSignals: listenForShutdown,
    load: () => import("./commands/api.js"),
  },
  worker: {
    summary: "run a worker; it generates the images queued in Redis",
    handleSignals: listenForShutdown,
    load: () => import("./commands/worker.js"),
  },
  queue: {
    summary: "show the queue in Redis; pause, resume and drain it",
    load: () => import("./commands/queue.js"),
  },
  key: {
    summary: "create an API key",
    load: () => import("./commands/key.js"),
  },
  gpu: {
    summary: "install and check what an NVIDIA GPU needs",
    handleSignals: leaveWhenInterrupted,
    load: () => import("./commands/gpu.js"),
  },
  sample: {
    summary: "generate images from the terminal",
    handleSignals: leaveWhenInterrupted,
    load: () => import("./commands/sample.js"),
  },
  evaluate: {
    summary: "measure a model's images: Fréchet distance, Inception Score, precision, recall",
    handleSignals: leaveWhenInterrupted,
    load: () => import("./commands/evaluation/evaluate.js"),
  },
  sweep: {
    summary: "measure quality and time over sampling parameters, as a table and charts",
    handleSignals: leaveWhenInterrupted,
    load: () => import("./commands/sweep/sweep.js"),
  },
  import: {
    summary: "turn a checkpoint and its tokenizer into a model",
    handleSignals: leaveWhenInterrupted,
    load: () => import("./commands/import.js"),
  },
  parity: {
    summary: "compare a checkpoint's numbers with recordings of the reference implementation",
    load: () => import("./commands/parity.js"),
  },
};

const USAGE = `Marimba ${VERSION} serves images of classes, from MAR models and others.

  marimba COMMAND [options]

${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(8)} ${summary}`)
  .join("\n")}

  marimba COMMAND --help   describes a command
  marimba --version        prints the version
`;

const asksForHelp = (word: string | undefined) => word === "--help" || word === "-h";

async function main([name, ...argv]: string[]): Promise<number> {
  if (name === "--version") process.stdout.write(`${VERSION}\n`);
  else if (asksForHelp(name) || name === "help") process.stdout.write(USAGE);
  else if (name !== undefined && Object.hasOwn(COMMANDS, name)) return run(name, argv);
  else return misused(name);
  return 0;
}

async function run(name: string, argv: string[]): Promise<number> {
  const { handleSignals, load } = COMMANDS[name]!;
  handleSignals?.();
  const command = await load();
  if (argv.some(asksForHelp)) {
    process.stdout.write(command.usage);
    return 0;
  }
  try {
    return await command.run(argv);
  } catch (error) {
    const { reportError } = await import("./commands/command-line.js");
    return reportError(error);
  }
}

function misused(name: string | undefined): number {
  if (name === undefined) process.stderr.write(USAGE);
  else {
    const [nearest] = nearMisses(name, Object.keys(COMMANDS));
    const hint = nearest ? `did you mean ${nearest}?` : "marimba --help lists the commands.";
    process.stderr.write(`Unknown command ${JSON.stringify(name)}; ${hint}\n`);
  }
  return 2;
}

/** How long open handles may outlive the command: enough for output that is still being written. */
const LINGER_MS = 1000;

// A reader that closes early (`marimba --help | head -1`) is no error, and a server must outlive its log: output that can't
// be written, because the disk is full or the reader is gone, is dropped.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
// From 1.29 on, ONNX Runtime would send Microsoft what it runs, and keep an id of the machine in the home folder.
process.env.ORT_DISABLE_TELEMETRY = "1";
process.exitCode = await main(process.argv.slice(2));
setTimeout(() => process.exit(), LINGER_MS).unref();
