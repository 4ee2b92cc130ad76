import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
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
  return topology("embedded", [server], [server], undefined, () => {});
}

/** So many API and worker processes around a Redis of their own, its append-only file synced every second. */
export async function startDistributed(apis: number, workers: number, environment: Environment): Promise<Topology> {
  const redis = await startRedis();
  const started = [redis.process];
  try {
    const common = { ...environment, REDIS_URL: redis.url };
    for (let i = 0; i < workers; i++) started.push(await startMarimba("worker", `worker ${i + 1}`, common));
    const fronts: Started[] = [];
    for (let i = 0; i < apis; i++) fronts.push(await startMarimba("api", `api ${i + 1}`, common));
    started.push(...fronts);
    return topology(`${apis} API, ${workers} worker`, fronts, started, new Redis(redis.url), redis.remove);
  } catch (error) {
    for (const one of started.reverse()) await one.stop();
    redis.remove();
    throw error;
  }
}

function topology(
  name: string,
  fronts: readonly Started[],
  processes: readonly Started[],
  redis: Redis | undefined,
  remove: () => void,
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
      remove();
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

export async function startRedis(): Promise<{ process: Started; url: string; port: number; remove: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), "marimba-load-"));
  const port = await freePort();
  const settings = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""];
  settings.push("--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction");
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const process = await startProcess("redis", "redis-server", settings, {}, /Ready to accept connections/);
    return { process, url: `redis://127.0.0.1:${port}`, port, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
