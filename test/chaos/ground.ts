import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { importTinyModel, Marimba } from "../commands/marimba.js";
import { type RedisServer, startRedis } from "../queue/redis-server.js";

/** How long a worker may be silent: short, so that the suite is quick. */
export const LOCK_MS = 2000;
/** A test that has not ended by then hangs, however busy the machine is. */
export const HANGING_MS = 600_000;

/** A Redis, and the API and worker processes that a test starts around it. */
export class Ground {
  readonly #started: Marimba[] = [];

  private constructor(
    readonly folder: string,
    readonly redis: RedisServer,
    private readonly redisPrefix: string,
  ) {}

  static async open(importModel = importTinyModel): Promise<Ground> {
    const folder = mkdtempSync(join(tmpdir(), "marimba-chaos-"));
    await importModel(join(folder, "models"));
    // Written before each answer: while it is synced as well, a Redis that is killed may lose what it has answered.
    return new Ground(folder, await startRedis("--appendonly", "yes", "--appendfsync", "no"), "whole");
  }

  /** The same Redis and models for a test whose keys are its own: `endProcesses` is all that it leaves to do. */
  part(redisPrefix: string): Ground {
    return new Ground(this.folder, this.redis, redisPrefix);
  }

  start(command: string, args: readonly string[] = [], own: Readonly<Record<string, string>> = {}): Marimba {
    const environment = {
      REDIS_URL: this.redis.url,
      REDIS_PREFIX: this.redisPrefix,
      MODELS_DIR: join(this.folder, "models"),
      LOCK_MS: String(LOCK_MS),
      LOG_LEVEL: "error",
      ...own,
    };
    const marimba = new Marimba([command, ...args], environment);
    this.#started.push(marimba);
    return marimba;
  }

  async api(own: Readonly<Record<string, string>> = {}): Promise<{ process: Marimba; address: string }> {
    const process = this.start("api", [], own);
    return { process, address: await process.address() };
  }

  async worker(own: Readonly<Record<string, string>> = {}): Promise<Marimba> {
    const process = this.start("worker", [], own);
    await process.prints(/^Ready/m);
    return process;
  }

  async endProcesses(): Promise<void> {
    for (const marimba of this.#started) marimba.kill("SIGKILL");
    await Promise.all(this.#started.map(({ ended }) => ended));
  }

  async close(): Promise<void> {
    await this.endProcesses();
    await this.redis.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** As `kill -9` does it: the process says goodbye to nobody. */
export async function killHard(marimba: Marimba): Promise<void> {
  marimba.kill("SIGKILL");
  await marimba.ended;
}
