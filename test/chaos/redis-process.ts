import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

/** A redis-server with an append-only file that tests may kill, start again, freeze and starve. */
export class RedisProcess {
  readonly url: string;
  #process: ChildProcess | undefined;
  readonly #folder = mkdtempSync(join(tmpdir(), "marimba-chaos-redis-"));

  private constructor(private readonly port: number) {
    this.url = `redis://127.0.0.1:${port}`;
  }

  static async start(): Promise<RedisProcess> {
    const redis = new RedisProcess(await freePort());
    await redis.start();
    return redis;
  }

  /** Starts it on its port with the append-only file that is there. */
  async start(): Promise<void> {
    const settings = ["--port", this.port, "--bind", "127.0.0.1", "--dir", this.#folder, "--save", ""];
    settings.push("--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction");
    // A write beyond a file size limit is an error to Redis only where the signal for it is ignored.
    const command = `trap '' XFSZ; exec redis-server ${settings.map((word) => `'${word}'`).join(" ")}`;
    this.#process = spawn("sh", ["-c", command], { stdio: ["ignore", "pipe", "inherit"] });
    const pid = this.#process.pid!;
    process.once("exit", () => {
      try {
        process.kill(pid, "SIGKILL");
      } catch {}
    });
    let printed = "";
    for await (const text of this.#process.stdout!) {
      printed += text;
      if (/Ready to accept connections/.test(printed)) break;
      if (/\bexiting\b|\bBye\b/i.test(printed)) throw new Error(`redis-server does not start:\n${printed}`);
    }
    this.#process.stdout!.resume();
  }

  signal(name: NodeJS.Signals): void {
    this.#process!.kill(name);
  }

  /** As a power cut to the process alone: what the system took over from it is on its way to the disk. */
  async kill(): Promise<void> {
    const ended = once(this.#process!, "exit");
    this.signal("SIGKILL");
    await ended;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Answers of one connection to it. */
  async ask<T>(question: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.url, { maxRetriesPerRequest: 3 });
    redis.on("error", () => {});
    try {
      return await question(redis);
    } finally {
      redis.disconnect();
    }
  }

  /** Lets the append-only file grow no further: every write is answered with MISCONF until the limit is lifted. */
  async failAppendOnlyFile(): Promise<void> {
    const folder = join(this.#folder, "appendonlydir");
    const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
    this.#limitFileSize(String(Math.max(...sizes)));
    await this.ask(async (redis) => {
      for (;;) {
        const answer = await redis.set("chaos-probe", "x", "PX", 1).catch((error: Error) => error.message);
        if (/^MISCONF/.test(String(answer))) return;
        await sleep(20);
      }
    });
  }

  mendAppendOnlyFile(): void {
    this.#limitFileSize("unlimited");
  }

  #limitFileSize(bytes: string): void {
    const limited = spawnSync("prlimit", ["--pid", String(this.#process!.pid), `--fsize=${bytes}:unlimited`]);
    if (limited.status !== 0) throw new Error(`prlimit (Debian's util-linux) failed: ${limited.stderr}`);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
