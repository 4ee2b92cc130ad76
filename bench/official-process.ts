import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

interface Answer {
  readonly ms: number;
  /** Of PyTorch; the first answer, which comes once the model is loaded, states it. */
  readonly version: string;
}

/** The official code in a Python process, which answers each line that it is sent with a line of JSON. */
export class OfficialProcess {
  readonly #child;
  readonly #lines;

  constructor(python: string, script: URL, args: readonly string[]) {
    this.#child = spawn(python, [fileURLToPath(script), ...args], { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async answer(): Promise<Answer> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("The official code ended; see its last lines.");
    return JSON.parse(value) as Answer;
  }

  ask(line: string): Promise<Answer> {
    this.#child.stdin.write(`${line}\n`);
    return this.answer();
  }

  stop(): void {
    this.#child.stdin.end();
  }
}
