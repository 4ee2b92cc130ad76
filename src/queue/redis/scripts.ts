import { readFileSync } from "node:fs";
import * as port from "../queue.js";
import type { RedisClient } from "../redis-connection/connection.js";

type Argument = string | number | Uint8Array;

/** In the order of their dependencies: functions that all scripts share, and between them and after them the calls. */
const FILES = [
  "keys",
  "job",
  "line",
  "caller-limits",
  "webhook-outbox",
  "ending",
  "leases",
  "job-calls",
  "worker-calls",
  "operator-calls",
];

export type Call =
  | "submit"
  | "cancel"
  | "delete"
  | "list"
  | "view"
  | "serve"
  | "take"
  | "begin"
  | "finish"
  | "release"
  | "progress"
  | "preview"
  | "time"
  | "stats"
  | "status"
  | "sweep"
  | "reclaim"
  | "takeWebhooks"
  | "postponeWebhook"
  | "endWebhook";

/** The numbers and texts of the port that the scripts need, too; each becomes a local of its name. */
const CONSTANTS = {
  MAX_TRIES: port.MAX_TRIES,
  PRIORITY_WEIGHTS: port.PRIORITY_WEIGHTS,
  MAX_PENDING_WEBHOOKS: port.MAX_PENDING_WEBHOOKS,
  MAX_LISTED_JOBS: port.MAX_LISTED_JOBS,
  RECORD_BYTES: port.RECORD_BYTES,
  LIMIT_WINDOW_S: port.LIMIT_WINDOW_S,
  RATE_WINDOW_MS: port.RATE_WINDOW_MS,
  MIN_RETRY_S: port.MIN_RETRY_S,
  MAX_RETRY_S: port.MAX_RETRY_S,
  UNMEASURED_RETRY_S: port.UNMEASURED_RETRY_S,
  DEADLINE_PASSED: JSON.stringify(port.DEADLINE_PASSED),
  WORKERS_DIED: JSON.stringify(port.WORKERS_DIED),
};

/** The scripts by name: a call's own lines, which begin with `#!lua name=...`, after all that the files share. */
function loadScripts(): ReadonlyMap<string, string> {
  const shared = Object.entries(CONSTANTS).map(([name, value]) => `local ${name} = ${luaLiteral(value)}\n`);
  const calls = new Map<string, { flags: string; body: string }>();
  for (const file of FILES) {
    const text = readFileSync(new URL(`./lua/${file}.lua`, import.meta.url), "utf8");
    const [head, ...rest] = text.split(/^#!lua name=(\w+)(.*)\n/m);
    shared.push(head!);
    for (let at = 0; at < rest.length; at += 3) calls.set(rest[at]!, { flags: rest[at + 1]!, body: rest[at + 2]! });
  }
  return new Map([...calls].map(([name, { flags, body }]) => [name, `#!lua${flags}\n${shared.join("")}${body}`]));
}

function luaLiteral(value: string | number | Readonly<Record<string, number>>): string {
  if (typeof value === "string") return `[==[${value}]==]`;
  if (typeof value === "number") return String(value);
  return `{ ${Object.entries(value).map(([name, number]) => `${name} = ${number}`)} }`;
}

const scripts = loadScripts();

/** What `defineCommand` adds to a client. */
type WithCommands = Readonly<Record<string, (...args: Argument[]) => Promise<unknown>>>;

/** The Lua scripts on one connection. Each is one atomic step; their files say what they take and return. */
export class Scripts {
  readonly #client: WithCommands;

  constructor(
    client: RedisClient,
    private readonly redisPrefix: string,
  ) {
    this.#client = client as unknown as WithCommands;
    for (const [call, lua] of scripts) client.defineCommand(`marimba:${call}`, { numberOfKeys: 1, lua });
  }

  call(call: Call, ...args: readonly Argument[]): Promise<unknown> {
    return this.#client[`marimba:${call}`]!(`${this.redisPrefix}::`, ...args);
  }
}
