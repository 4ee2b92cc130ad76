import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { eventually } from "../eventually.js";
import { type RedisServer, startRedis } from "../queue/redis-server.js";
import { type Ended, generate, importTinyModel, Marimba } from "./marimba.js";

/** A job may have others before it. */
const LONG_MS = 120_000;

export interface Deployment {
  start(command: string, own?: Record<string, string>): Marimba;
  /** An API process that listens. */
  api(own?: Record<string, string>): Promise<{ readonly marimba: Marimba; readonly address: string }>;
  /** A worker that takes images. */
  worker(own?: Record<string, string>): Promise<Marimba>;
  /** `marimba queue` with these arguments. */
  queue(...args: string[]): Promise<Ended>;
  /** The image that `marimba sample` makes with these arguments. */
  sample(...args: string[]): Promise<Buffer>;
}

/**
 * One redis-server and the reference's small model for the tests of one file. Each deployment has keys of its own; what
 * it started ends with its test.
 */
export function deployments() {
  let folder: string;
  let redis: RedisServer;
  let count = 0;
  const started: Marimba[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "marimba-deployment-"));
    await importTinyModel(join(folder, "models"));
    redis = await startRedis("--appendonly", "yes");
  });
  afterEach(async () => {
    for (const marimba of started.splice(0)) {
      marimba.kill("SIGKILL");
      await marimba.ended;
    }
  });
  afterAll(async () => {
    await redis?.stop();
    await rm(folder, { recursive: true });
  });

  function deploy(shared: Record<string, string> = {}): Deployment {
    const environment = {
      REDIS_URL: redis.url,
      REDIS_PREFIX: `test${count++}`,
      MODELS_DIR: join(folder, "models"),
      ...shared,
    };
    const start = (command: string, own: Record<string, string> = {}) => {
      const marimba = new Marimba([command], { ...environment, ...own }, folder);
      started.push(marimba);
      return marimba;
    };
    return {
      start,
      api: async (own) => {
        const marimba = start("api", own);
        return { marimba, address: await marimba.address() };
      },
      worker: async (own) => {
        const marimba = start("worker", own);
        await marimba.prints(/^Ready/m);
        return marimba;
      },
      queue: (...args) => new Marimba(["queue", ...args], environment).ended,
      sample: async (...args) => {
        const out = join(folder, "sample.png");
        expect(await new Marimba(["sample", ...args, "--out", out], environment).ended).toMatchObject({ code: 0 });
        return readFile(out);
      },
    };
  }
  return { deploy, redis: () => redis };
}

export interface Job {
  readonly state: string;
  readonly progress?: unknown;
  readonly error?: unknown;
}

/** Posts a job and resolves with its address. */
export async function accepted(address: string, body: Readonly<Record<string, unknown>>): Promise<string> {
  const answer = await generate(address, body, { prefer: "respond-async" });
  expect(answer.status, await answer.clone().text()).toBe(202);
  return `${address}${answer.headers.get("location")}`;
}

export async function jobNow(url: string): Promise<Job> {
  return (await (await fetch(url)).json()) as Job;
}

/** Resolves with the job once the condition holds. */
export function jobWhere(url: string, holds: (job: Job) => boolean): Promise<Job> {
  return eventually(async () => {
    const job = await jobNow(url);
    expect(job).toSatisfy(holds);
    return job;
  }, LONG_MS);
}

export const hasEnded = ({ state }: Job) => state !== "queued" && state !== "running";
export const hasProgress = ({ progress }: Job) => progress !== undefined;

/** Resolves with what `/health/ready` says once it answers with this status. */
export function ready(address: string, status: number): Promise<unknown> {
  return eventually(async () => {
    const answer = await fetch(`${address}/health/ready`);
    const body = await answer.json();
    expect(answer.status, JSON.stringify(body)).toBe(status);
    return body;
  }, LONG_MS);
}

export async function bytes(answer: Response | Promise<Response>): Promise<Buffer> {
  return Buffer.from(await (await answer).arrayBuffer());
}

/** Where a worker answers for itself. */
export async function monitor(worker: Marimba): Promise<string> {
  return (await worker.prints(/health and metrics are on (http:\S+)\.$/m))[1]!;
}

/** A worker's metric for the model demo; 0 while there is none. */
export async function metric(worker: Marimba, name: string): Promise<number> {
  const text = await (await fetch(`${await monitor(worker)}/metrics`)).text();
  return Number(new RegExp(`^${name}\\{model="demo"\\} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
}
