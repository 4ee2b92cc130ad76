import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** A server, started by a command of a document. */
export class DocumentedServer {
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #output = "";

  /** Listens on a free port, even if the command names another. */
  constructor(command: string, cwd: string, environment: Readonly<Record<string, string | undefined>>) {
    const anyPort = command.replace(/\bPORT=\d+/, "PORT=0");
    // A process group of its own, so that one signal stops npm, its shell and the server.
    this.#process = spawn("sh", ["-c", anyPort], { cwd, detached: true, env: { ...environment, PORT: "0" } });
    for (const stream of [this.#process.stdout!, this.#process.stderr!])
      stream.on("data", (text) => {
        this.#output += text;
      });
    this.#ended = once(this.#process, "close");
  }

  /** Resolves with the address; rejects with the output if the server ends before it is ready. */
  async ready(): Promise<string> {
    let hasEnded = false;
    void this.#ended.then(() => {
      hasEnded = true;
    });
    while (!/^Ready\./m.test(this.#output)) {
      if (hasEnded) throw new Error(`The server ended before it was ready:\n${this.#output}`);
      await Promise.race([once(this.#process.stdout!, "data"), this.#ended]);
    }
    return /listens on (http:[^\s;]+)/.exec(this.#output)![1]!;
  }

  /** Sends SIGTERM; resolves with the output once all its processes have ended. */
  async stop(): Promise<string> {
    if (this.#process.exitCode === null) process.kill(-this.#process.pid!, "SIGTERM");
    await this.#ended;
    return this.#output;
  }
}
