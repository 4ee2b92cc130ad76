import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../free-port.js";

/** The server that the tests start: Debian's redis-server, or what REDIS_SERVER names (a Valkey, another version). */
const PROGRAM = process.env.REDIS_SERVER ?? "redis-server";

/** A redis-server with data of its own, which tests may end, start again and signal. */
export class RedisServer {
  readonly url: string;
  #process: ChildProcess | undefined;
  readonly folder = mkdtempSync(join(tmpdir(), "marimba-redis-"));

  constructor(
    readonly port: number,
    private readonly settings: readonly string[],
  ) {
    this.url = `redis://127.0.0.1:${port}`;
  }

  get pid(): number {
    return this.#process!.pid!;
  }

  /** Starts it on its port with what is in its folder; rejects with what it said when it does not come up. */
  async start(): Promise<void> {
    const fixed = ["--bind", "127.0.0.1", "--dir", this.folder, "--save", "", "--maxmemory-policy", "noeviction"];
    const words = ["--port", String(this.port), ...fixed, ...this.settings].map((word) => `'${word}'`);
    // A write beyond a file size limit is an error to Redis only where the signal for it is ignored.
    const child = spawn("sh", ["-c", `trap '' XFSZ; exec '${PROGRAM}' ${words.join(" ")}`]);
    this.#process = child;
    const endWithParent = () => child.kill("SIGKILL");
    process.once("exit", endWithParent);
    child.once("exit", () => process.off("exit", endWithParent));
    let said = "";
    await new Promise<void>((resolve, reject) => {
      child.on("exit", () =>
        reject(new Error(`redis-server does not start (Debian: apt-get install redis-server).\n${said}`)),
      );
      for (const output of [child.stdout, child.stderr]) {
        output.on("data", (text) => {
          if (said.length < 20_000) said += text;
          if (/Ready to accept connections/.test(said)) resolve();
        });
      }
    });
  }

  signal(name: NodeJS.Signals): void {
    this.#process!.kill(name);
  }

  /** Ends the process alone: what the system took over from it is on its way to the disk. */
  async kill(): Promise<void> {
    const child = this.#process!;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Starts one on a free port, with further settings as on its command line. */
export async function startRedis(...settings: string[]): Promise<RedisServer> {
  const server = new RedisServer(await freePort(), settings);
  await server.start();
  return server;
}
