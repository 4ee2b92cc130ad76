import { parseArgs } from "node:util";
import { nearMisses } from "../validation/near-misses.js";
import { UsageError } from "./command-line.js";

const ACTIONS = ["status", "pause", "resume", "drain", "undrain"] as const;
export type QueueAction = (typeof ACTIONS)[number];

export interface QueueOptions {
  readonly action: QueueAction;
  readonly model?: string;
  readonly worker?: string;
  readonly json: boolean;
}

/** Reads the command line; nothing where help is asked for. Throws `UsageError`. */
export function readQueueOptions(argv: string[]): QueueOptions | undefined {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      help: { type: "boolean" },
      json: { type: "boolean" },
      model: { type: "string" },
      worker: { type: "string" },
    },
  });
  if (values.help) return undefined;
  const { model, worker, json = false } = values;
  const action = readAction(positionals);
  if (model !== undefined && worker !== undefined) throw new UsageError("Name a model or a worker, not both.");
  if (worker !== undefined && (action === "drain" || action === "undrain")) {
    const instead = action === "drain" ? "pause" : "resume";
    throw new UsageError(
      `Queues are drained; a worker is paused: marimba queue ${instead} --worker ${worker}. It finishes what it has.`,
    );
  }
  return { action, json, ...(model !== undefined && { model }), ...(worker !== undefined && { worker }) };
}

function readAction([action, ...more]: readonly string[]): QueueAction {
  if (action === undefined) throw new UsageError(`Say what to do: marimba queue ${ACTIONS.join(", ")}.`);
  if (!ACTIONS.some((known) => known === action)) {
    const [meant] = nearMisses(action, [...ACTIONS]);
    const hint = meant ? `did you mean ${meant}?` : `there are ${ACTIONS.join(", ")}.`;
    throw new UsageError(`marimba queue can't ${JSON.stringify(action)}; ${hint}`);
  }
  if (more.length > 0) throw new UsageError(`marimba queue takes one word, not also ${JSON.stringify(more[0])}.`);
  return action as QueueAction;
}
