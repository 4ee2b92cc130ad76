import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../free-port.js";

/** The server that the tests start: Debian's redis-server, or what REDIS_SERVER names (a Valkey, another version). */
export const REDIS_PROGRAM = process.env.REDIS_SERVER ?? "redis-server";

/** A process that ends with its parent. */
export class ServerProcess {
  private constructor(private readonly child: ChildProcess) {}

  /** Resolves once it has printed `ready`; rejects with what it said when it ends before. */
  static async start(program: string, args: readonly string[], ready: RegExp): Promise<ServerProcess> {
    // A write beyond a file size limit is an error to Redis only where the signal for it is ignored.
    const child = spawn("sh", ["-c", `trap '' XFSZ; exec "$0" "$@"`, program, ...args]);
    const endWithParent = () => child.kill("SIGKILL");
    process.once("exit", endWithParent);
    child.once("exit", () => process.off("exit", endWithParent));
    let said = "";
    await new Promise<void>((resolve, reject) => {
      child.on("exit", () =>
        reject(new Error(`${program} does not start (Debian: apt-get install redis-server).\n${said}`)),
      );
      for (const output of [child.stdout, child.stderr]) {
        output.on("data", (text) => {
          if (said.length < 20_000) said += text;
          if (ready.test(said)) resolve();
        });
      }
    });
    return new ServerProcess(child);
  }

  get pid(): number {
    return this.child.pid!;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Ends the process alone: what the system took over from it is on its way to the disk. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await ended;
  }
}

/** A redis-server with data of its own, which tests may end, start again and signal. */
export class RedisServer {
  readonly url: string;
  #process: ServerProcess | undefined;
  readonly folder = mkdtempSync(join(tmpdir(), "marimba-redis-"));

  constructor(
    readonly port: number,
    private readonly settings: readonly string[],
    private readonly program = REDIS_PROGRAM,
  ) {
    this.url = `redis://127.0.0.1:${port}`;
  }

  get pid(): number {
    return this.#process!.pid;
  }

  /** Starts it on its port with what is in its folder; rejects with what it said when it does not come up. */
  async start(): Promise<void> {
    const fixed = ["--bind", "127.0.0.1", "--dir", this.folder, "--save", "", "--maxmemory-policy", "noeviction"];
    const args = ["--port", String(this.port), ...fixed, ...this.settings];
    this.#process = await ServerProcess.start(this.program, args, /Ready to accept connections/);
  }

  signal(name: NodeJS.Signals): void {
    this.#process!.signal(name);
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
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
