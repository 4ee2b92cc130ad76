import { loadConfig } from "../config.js";
import type { ModelStatus } from "../queue/queue.js";
import type { QueueControl } from "../queue/redis/control.js";
import { openLogger } from "../telemetry/logging.js";
import { readArguments, suggest, UsageError } from "./command-line.js";
import { redisUrl } from "./services/open-parts.js";

export const usage = `marimba queue: shows and controls the queue in Redis (REDIS_URL)

  marimba queue status
  marimba queue pause --model demo
  marimba queue pause --worker ID

  status               waiting and running images of each model, and its live workers
  pause, resume        while paused, workers take no images; jobs are accepted and wait; running images are finished
  drain, undrain       while draining, new jobs are refused with 503; accepted jobs are completed

  --model NAME         only this model's queue (default: every model's)
  --worker ID          only this worker (pause and resume); status shows the ids
  --json               print the resulting state as JSON
`;

const ACTIONS = ["status", "pause", "resume", "drain", "undrain"] as const;
type QueueAction = (typeof ACTIONS)[number];

interface QueueOptions {
  readonly action: QueueAction;
  readonly model: string | undefined;
  readonly worker: string | undefined;
  readonly json: boolean;
}

/** Runs `marimba queue`; returns the exit code. */
export async function run(argv: string[]): Promise<number> {
  const { action, model, worker, json } = readOptions(argv);
  const config = loadConfig();
  const { openControl } = await import("../queue/redis/control.js");
  const { redisPrefix, logLevel } = config;
  const control = await openControl({ redisUrl: redisUrl(config, "queue"), redisPrefix }, openLogger(logLevel));
  try {
    const before = await control.status();
    if (worker !== undefined) await actOnWorker(control, action, knownWorker(worker, before));
    else for (const name of chosenModels(action, model, before)) await actOnModel(control, action, name);
    const after = (await control.status()).filter((status) => model === undefined || status.model === model);
    process.stdout.write(json ? `${JSON.stringify(after, undefined, 2)}\n` : queueTable(after));
  } finally {
    await control.close();
  }
  return 0;
}

/** Throws `UsageError`. */
function readOptions(argv: string[]): QueueOptions {
  const { values, positionals } = readArguments({
    args: argv,
    allowPositionals: true,
    options: { json: { type: "boolean" }, model: { type: "string" }, worker: { type: "string" } },
  });
  const { model, worker, json = false } = values;
  const action = readAction(positionals);
  if (model !== undefined && worker !== undefined) throw new UsageError("Give --model or --worker, not both.");
  if (worker !== undefined && (action === "drain" || action === "undrain")) {
    const instead = action === "drain" ? "pause" : "resume";
    throw new UsageError(
      `Only a queue can ${action}; a worker can ${instead}: marimba queue ${instead} --worker ${worker}. ` +
        "A paused worker finishes its images.",
    );
  }
  return { action, model, worker, json };
}

function readAction([word, ...more]: readonly string[]): QueueAction {
  if (word === undefined) throw new UsageError(`Give an action: marimba queue ${ACTIONS.join(", ")}.`);
  const action = ACTIONS.find((known) => known === word);
  if (!action) {
    const hint = suggest(word, ACTIONS, `the actions are ${ACTIONS.join(", ")}.`);
    throw new UsageError(`Unknown action ${JSON.stringify(word)}; ${hint}`);
  }
  if (more.length > 0) throw new UsageError(`marimba queue takes one action, not also ${JSON.stringify(more[0])}.`);
  return action;
}

async function actOnModel(control: QueueControl, action: QueueAction, model: string): Promise<void> {
  if (action !== "status") await control[action](model);
}

async function actOnWorker(control: QueueControl, action: QueueAction, worker: string): Promise<void> {
  if (action === "pause") await control.pauseWorker(worker);
  if (action === "resume") await control.resumeWorker(worker);
}

function chosenModels(action: QueueAction, model: string | undefined, status: readonly ModelStatus[]): string[] {
  const names = status.map(({ model }) => model);
  if (model !== undefined) return [known("model", model, names)];
  if (names.length === 0 && action !== "status") {
    throw new UsageError(`There is nothing to ${action}: no worker has ever served a model from this queue.`);
  }
  return names;
}

function knownWorker(id: string, status: readonly ModelStatus[]): string {
  const ids = status.flatMap(({ workers }) => workers.map((worker) => worker.id));
  return known("worker", id, [...new Set(ids)]);
}

/** A mistyped name would change nothing, and nobody would notice. */
function known(kind: "model" | "worker", name: string, names: readonly string[]): string {
  if (names.includes(name)) return name;
  const list = names.length > 0 ? `it has ${names.join(", ")}.` : `it has no ${kind} yet.`;
  throw new UsageError(`The queue has no ${kind} ${JSON.stringify(name)}; ${suggest(name, names, list)}`);
}

/** A clock that differs less from the queue's is right. */
const NOTABLE_SKEW_S = 1;

/** The queue's state for people: the models, then their live workers. */
function queueTable(status: readonly ModelStatus[]): string {
  if (status.length === 0) return "The queue is empty, and no worker has ever served it.\n";
  const models = status.map(({ model, waiting, running, workers, paused, draining }) => {
    const held = [paused && "paused", draining && "draining"].filter(Boolean).join(", ");
    return [model, waiting, running, workers.length, held || (workers.length === 0 ? "no live worker" : "open")];
  });
  const workers = status.flatMap(({ model, workers }) =>
    workers.map(({ id, host, pid, running, paused, skew }) => {
      const clock = Math.abs(skew) > NOTABLE_SKEW_S ? `${skew > 0 ? "+" : ""}${skew.toFixed(1)} s` : "right";
      return [id, model, host, pid, running, clock, paused ? "paused" : "working"];
    }),
  );
  const tables = [columns(["model", "waiting", "running", "workers", "state"], models)];
  if (workers.length > 0)
    tables.push(columns(["worker", "model", "host", "pid", "running", "clock", "state"], workers));
  return tables.join("\n");
}

function columns(title: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const widths = title.map((name, i) => Math.max(name.length, ...rows.map((row) => String(row[i]).length)));
  const line = (cells: readonly (string | number)[]) =>
    cells
      .map((cell, i) => (typeof cell === "number" ? String(cell).padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd();
  const numeric = (i: number) => typeof rows[0]?.[i] === "number";
  const heading = title.map((name, i) => (numeric(i) ? name.padStart(widths[i]!) : name));
  return [heading, ...rows].map((row) => `${line(row)}\n`).join("");
}
