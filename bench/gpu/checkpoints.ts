import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type GpuOptions, type Model, ROOT } from "./options.js";

export interface Checkpoints {
  readonly generator: string;
  readonly tokenizer: string;
  readonly arch?: string;
}

const TINY = join(ROOT, "test/reference/tiny");

/** The checkpoint of a model: random weights, which Python makes once. */
export async function checkpointsOf(model: Model, options: GpuOptions): Promise<Checkpoints> {
  if (model === "tiny")
    return {
      generator: join(TINY, "checkpoint-last.pth"),
      tokenizer: join(TINY, "kl16.safetensors"),
      arch: join(TINY, "config.json"),
    };
  return {
    generator: join(await made(model, options), "checkpoint-last.pth"),
    tokenizer: join(await made("kl16", options), "kl16.ckpt"),
  };
}

async function made(what: string, { out, python }: GpuOptions): Promise<string> {
  const folder = join(out, "checkpoints", what);
  if (existsSync(folder)) return folder;
  process.stderr.write(`Making ${what} with random weights ...\n`);
  await rm(`${folder}.part`, { recursive: true, force: true });
  const script = join(ROOT, "bench/checkpoint/make.py");
  const child = spawn(python, [script, what, `${folder}.part`], { stdio: ["ignore", process.stderr, "inherit"] });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${script} ended with ${code}.`);
  await rename(`${folder}.part`, folder);
  return folder;
}
