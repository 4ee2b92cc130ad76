import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { expect } from "vitest";
import { eventually } from "../eventually.js";
import { freePort } from "../free-port.js";
import { REDIS_PROGRAM, type RedisServer, ServerProcess } from "./redis-server.js";

const MASTER = "mymaster";
/** How long a server may be silent before it counts as down. */
const DOWN_AFTER_MS = 4000;
/** How long a change of master may take. */
const FAILOVER_MS = 120_000;

/** One of Redis's sentinels, alone in its judgement. */
export class Sentinel {
  readonly folder = mkdtempSync(join(tmpdir(), "marimba-sentinel-"));
  #process: ServerProcess | undefined;

  private constructor(readonly port: number) {}

  /** Resolves once it watches the master and knows its one replica. */
  static async start(master: RedisServer): Promise<Sentinel> {
    const sentinel = new Sentinel(await freePort());
    const file = join(sentinel.folder, "sentinel.conf");
    const lines = [
      `port ${sentinel.port}`,
      "bind 127.0.0.1",
      `dir ${sentinel.folder}`,
      `sentinel monitor ${MASTER} 127.0.0.1 ${master.port} 1`,
      `sentinel down-after-milliseconds ${MASTER} ${DOWN_AFTER_MS}`,
      `sentinel failover-timeout ${MASTER} 10000`,
    ];
    writeFileSync(file, `${lines.join("\n")}\n`);
    sentinel.#process = await ServerProcess.start(REDIS_PROGRAM, [file, "--sentinel"], /\+monitor master/);
    await sentinel.#ask((redis) =>
      eventually(async () => expect(await redis.call("SENTINEL", "replicas", MASTER)).toHaveLength(1)),
    );
    return sentinel;
  }

  /** REDIS_URL of the master that it names, whichever that is; the first sentinel of the list is away. */
  get url(): string {
    return `redis+sentinel://127.0.0.1:1,127.0.0.1:${this.port}/${MASTER}`;
  }

  /** Resolves with the master's port once it is another than this. */
  masterOtherThan(port: number): Promise<number> {
    return this.#ask((redis) =>
      eventually(async () => {
        const [, now] = (await redis.call("SENTINEL", "get-master-addr-by-name", MASTER)) as [string, string];
        expect(Number(now)).not.toBe(port);
        return Number(now);
      }, FAILOVER_MS),
    );
  }

  async stop(): Promise<void> {
    await this.#process?.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #ask<T>(question: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis({ host: "127.0.0.1", port: this.port });
    try {
      return await question(redis);
    } finally {
      redis.disconnect();
    }
  }
}
