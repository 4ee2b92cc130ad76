import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { type RedisServer, startRedis } from "../queue/redis-server.js";
import { residentMiB, type Started, startProcess } from "./processes.js";

const ENTRY = join(fileURLToPath(new URL("../../dist/", import.meta.url)), "main.js");

export type Environment = Readonly<Record<string, string>>;

/** What is put under load: its addresses, its processes, and its Redis where it has one. */
export interface Topology {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly processes: readonly Started[];
  readonly redis: Redis | undefined;
  /** Anonymous memory of each process in MiB, by name. */
  memory(): Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

/** `serve` without Redis: API, queue and worker in one process. */
export async function startEmbedded(environment: Environment): Promise<Topology> {
  const server = await startMarimba("serve", "serve", environment);
  return topology("embedded", [server], [server], undefined);
}

/** So many API and worker processes around a Redis of their own, its append-only file synced every second. */
export async function startDistributed(apis: number, workers: number, environment: Environment): Promise<Topology> {
  const redis = await startDurableRedis();
  const started = [asStarted(redis)];
  try {
    const common = { ...environment, REDIS_URL: redis.url };
    for (let i = 0; i < workers; i++) started.push(await startMarimba("worker", `worker ${i + 1}`, common));
    const fronts: Started[] = [];
    for (let i = 0; i < apis; i++) fronts.push(await startMarimba("api", `api ${i + 1}`, common));
    started.push(...fronts);
    return topology(`${apis} API, ${workers} worker`, fronts, started, new Redis(redis.url));
  } catch (error) {
    for (const one of started.reverse()) await one.stop();
    throw error;
  }
}

function topology(
  name: string,
  fronts: readonly Started[],
  processes: readonly Started[],
  redis: Redis | undefined,
): Topology {
  return {
    name,
    addresses: fronts.map(({ printed }) => /listens on (http:[^\s;]+)/.exec(printed)![1]!),
    processes,
    redis,
    memory: () => Object.fromEntries(processes.map((one) => [one.name, residentMiB(one.pid)])),
    async stop() {
      redis?.disconnect();
      // Redis was started first and goes last: the others still say goodbye to it.
      for (const one of [...processes].reverse()) await one.stop();
    },
  };
}

function startMarimba(command: string, name: string, environment: Environment): Promise<Started> {
  const env = { HOST: "127.0.0.1", PORT: "0", LOG_LEVEL: "warn", ...environment };
  // An API is ready when a worker is; those are started first.
  const ready = command === "api" ? /listens on/ : /^Ready/m;
  const profile = process.env.LOAD_PROFILE ? ["--cpu-prof", `--cpu-prof-dir=${process.env.LOAD_PROFILE}`] : [];
  return startProcess(name, process.execPath, [...profile, ENTRY, command], env, ready);
}

/** Synced every second: what the numbers are stated for. */
export function startDurableRedis(): Promise<RedisServer> {
  return startRedis("--appendonly", "yes", "--appendfsync", "everysec");
}

export function asStarted(redis: RedisServer): Started {
  return { name: "redis", pid: redis.pid, printed: "", stop: () => redis.stop() };
}
