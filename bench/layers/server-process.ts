import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ENTRY = join(fileURLToPath(new URL("../../dist/", import.meta.url)), "main.js");

export interface ServerProcess {
  /** For example http://127.0.0.1:40123 */
  readonly address: string;
  /** Sends SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
}

/** Starts the built server on a free port and waits until it is ready. Rejects with its output if it ends before that. */
export async function startServer(environment: Readonly<Record<string, string>>): Promise<ServerProcess> {
  const env = { ...process.env, HOST: "127.0.0.1", PORT: "0", LOG_LEVEL: "warn", ...environment };
  const server = spawn(process.execPath, [ENTRY, "serve"], { env, stdio: ["ignore", "pipe", "pipe"] });
  const stopWithParent = () => server.kill("SIGKILL");
  process.once("exit", stopWithParent);
  const ended = once(server, "close").then(([code]) => {
    process.off("exit", stopWithParent);
    return code as number | null;
  });
  const address = await readyAddress(server, ended);
  const stop = () => {
    server.kill("SIGTERM");
    return ended;
  };
  return { address, stop };
}

async function readyAddress(server: ChildProcess, ended: Promise<number | null>): Promise<string> {
  let printed = "";
  let said = "";
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  server.stdout!.on("data", (text) => {
    printed += text;
  });
  server.stderr!.on("data", (text) => {
    said = (said + text).slice(-4000);
  });
  while (!/^Ready\./m.test(printed)) {
    if (hasEnded) throw new Error(`The server ended before it was ready:\n${printed}${said}`);
    await Promise.race([once(server.stdout!, "data"), ended]);
  }
  return /listens on (http:[^\s;]+)/.exec(printed)![1]!;
}
