import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { importModel } from "../../src/importer/import.js";
import type { Precision } from "../../src/model/manifest.js";
import { TINY } from "../reference.js";

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

/** Imports the reference's small model (10 classes, 64 tokens, 128x128), with quick defaults. */
export async function importTinyModel(modelsDir: string, name = "demo", precision: Precision = "fp32"): Promise<void> {
  const names = ["star", "heart", "flower", "moon", "house", "tree", "fish", "sun", "it's a face", "cat"];
  await importModel({
    name,
    generator: join(TINY, "mar.safetensors"),
    tokenizer: join(TINY, "kl16.safetensors"),
    arch: join(TINY, "config.json"),
    precision,
    modelsDir,
    classes: names,
    settings: {
      defaults: { steps: 4, diffusion_steps: 5, max_timestep: 950, guidance_scale: 2 },
      presets: { slow: { description: "As slow as it gets.", parameters: { steps: 64, diffusion_steps: 1000 } } },
    },
  });
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built command line as a process of its own. */
export class Marimba {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = "";
  stderr = "";

  /** `wrapper` is a command that executes the one after it, such as `taskset -c 0`. */
  constructor(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    cwd?: string,
    wrapper: readonly string[] = [],
  ) {
    // One thread an operator: two cores have other tests to run.
    const env = { PATH: process.env.PATH, PORT: "0", THREADS: "1", MAX_BATCH: "4", ...environment };
    const [file, ...rest] = [...wrapper, process.execPath, MAIN, ...args];
    this.process = spawn(file!, rest, { env, stdio: ["ignore", "pipe", "pipe"], cwd });
    this.process.stdout!.on("data", (text) => (this.stdout += text));
    this.process.stderr!.on("data", (text) => (this.stderr += text));
    this.ended = once(this.process, "close").then(([code, signal]) => {
      return { code, signal, stdout: this.stdout, stderr: this.stderr };
    });
  }

  /** Resolves with what the pattern found on the standard output; rejects when the process ends without it. */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    let hasEnded = false;
    void this.ended.then(() => (hasEnded = true));
    for (;;) {
      const found = pattern.exec(this.stdout);
      if (found) return found;
      if (hasEnded) throw new Error(`It ended without printing ${pattern}:\n${this.stdout}${this.stderr}`);
      await Promise.race([once(this.process.stdout!, "data"), this.ended]);
    }
  }

  async address(): Promise<string> {
    return (await this.prints(/listens on (http:[^\s;]+)/))[1]!;
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }
}

/** A wrapper with a redirection of a shell, such as `2>/dev/full`. */
export function redirected(redirection: string): string[] {
  return ["sh", "-c", `exec "$0" "$@" ${redirection}`];
}

export function generate(
  address: string,
  body: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = { accept: "image/png" },
): Promise<Response> {
  return fetch(`${address}/generate`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}
