import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";

const READY_MS = 10_000;

/** A redis-server of a test's own, on a free port of this machine, with a data folder of its own. */
export class RedisServer {
  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly args: readonly string[],
    private process: ChildProcess,
  ) {}

  /** `args` are added to the command line; without them it keeps an append-only file. */
  static async start(args: readonly string[] = ["--appendonly", "yes"]): Promise<RedisServer> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "marimba-redis-"));
    const server = new RedisServer(port, folder, args, await launch(port, folder, args));
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.process.pid!;
  }

  /** Ends the process as a crash would, and keeps its data folder. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, "exit");
    this.process.kill(signal);
    await ended;
  }

  /** Starts again on the same port with the same data folder. */
  async restart(): Promise<void> {
    await this.kill();
    this.process = await launch(this.port, this.folder, this.args);
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function launch(port: number, folder: string, args: readonly string[]): Promise<ChildProcess> {
  const all = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", ...args];
  const child = spawn("redis-server", all, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const failed = new Promise<never>((_, reject) => {
    child.once("error", () =>
      reject(new Error("The tests need redis-server on PATH. Debian: apt-get install redis-server.")),
    );
    child.once("exit", () => reject(new Error(`redis-server ended at its start:\n${output}`)));
  });
  failed.catch(() => {});
  const client = new Redis(port, "127.0.0.1", { retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on("error", () => {});
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`redis-server did not come up:\n${output}`)), READY_MS);
  });
  try {
    // With a password or TLS even a refusal shows that it is there; ioredis then connects but is not ready.
    await Promise.race([failed, late, new Promise<void>((resolve) => client.once("connect", resolve))]);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    clearTimeout(timer);
    client.disconnect();
  }
  return child;
}
