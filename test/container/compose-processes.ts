import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../free-port.js";
import type { ComposeService } from "./compose-file.js";

/** The compose file's Redis as a process of this machine: its own command, on a port and in a folder of its own. */
export class RedisService {
  #process: ChildProcess | undefined;

  private constructor(
    private readonly service: ComposeService,
    readonly port: number,
    private readonly folder: string,
  ) {}

  static async start(service: ComposeService): Promise<RedisService> {
    const folder = await mkdtemp(join(tmpdir(), "marimba-compose-redis-"));
    const redis = new RedisService(service, await freePort(), folder);
    await redis.#start();
    return redis;
  }

  async #start(): Promise<void> {
    const [program, ...args] = this.service.command;
    const ownPlace = ["--bind", "127.0.0.1", "--port", String(this.port), "--dir", this.folder];
    this.#process = spawn(program!, [...args, ...ownPlace], { stdio: ["ignore", "pipe", "inherit"] });
    let printed = "";
    for await (const text of this.#process.stdout!.iterator({ destroyOnReturn: false })) {
      printed += text;
      if (printed.includes("Ready to accept connections")) break;
    }
    if (!printed.includes("Ready")) throw new Error(`redis-server ended:\n${printed}`);
    this.#process.stdout!.resume();
  }

  /** Runs the service's own health check; rejects when it fails. */
  async checkHealth(): Promise<void> {
    const { test } = this.service.healthcheck as { test: [string, string] };
    const command = test[1].replace("redis-cli", `redis-cli -p ${this.port}`);
    const env = { PATH: process.env.PATH, ...this.service.environment };
    await promisify(execFile)("sh", ["-c", command], { env });
  }

  async restart(): Promise<void> {
    await this.#end("SIGTERM");
    await this.#start();
  }

  async stop(): Promise<void> {
    await this.#end("SIGKILL");
    await rm(this.folder, { recursive: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const ended = once(this.#process!, "exit");
    this.#process!.kill(signal);
    await ended;
  }
}
