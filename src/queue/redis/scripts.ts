import { readFileSync } from "node:fs";
import type { Redis } from "ioredis";

type Argument = string | number | Uint8Array;

const SHARED = ["keys", "line", "progress", "deliveries", "ending", "allowance", "lanes", "view"];
const CALLS = [
  "submit",
  "take",
  "hold",
  "finish",
  "release",
  "beat",
  "retire",
  "leave",
  "progress",
  "preview",
  "cancel",
  "view",
  "stats",
  "sweep",
  "status",
  "deliver",
  "delivered",
] as const;
export type Call = (typeof CALLS)[number];

const read = (name: string) => readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), "utf8");

/** Each call's own file with the shared ones between its first line, which states its flags, and the rest. */
function loadScripts(): ReadonlyMap<Call, string> {
  const shared = SHARED.map(read).join("");
  return new Map(
    CALLS.map((call) => {
      const own = read(`call-${call}`);
      const afterFlags = own.indexOf("\n") + 1;
      return [call, own.slice(0, afterFlags) + shared + own.slice(afterFlags)];
    }),
  );
}

const scripts = loadScripts();

/** What `defineCommand` adds to a client. */
type WithCommands = Readonly<Record<string, (...args: Argument[]) => Promise<unknown>>>;

/** The Lua scripts on one connection. Each is one atomic step; what they take and return is said in their files. */
export class Scripts {
  readonly #client: WithCommands;

  constructor(
    client: Redis,
    private readonly redisPrefix: string,
  ) {
    this.#client = client as unknown as WithCommands;
    for (const [call, lua] of scripts) client.defineCommand(`marimba:${call}`, { numberOfKeys: 1, lua });
  }

  call(call: Call, ...args: readonly Argument[]): Promise<unknown> {
    return this.#client[`marimba:${call}`]!(this.redisPrefix, ...args);
  }
}
