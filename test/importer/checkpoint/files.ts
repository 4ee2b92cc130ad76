import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import type { Checkpoint } from "../../../src/importer/checkpoint/checkpoint.js";
import { CheckpointError } from "../../../src/importer/checkpoint/error.js";
import { openCheckpoint } from "../../../src/importer/checkpoint/open.js";
import { p, torchZip, zip } from "./writers.js";

let folder = "";
let count = 0;

/** A temporary folder for the calling test file. Call it at the top level. */
export function useTemporaryFolder(): void {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "marimba-checkpoint-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
}

export function temporaryPath(name: string): string {
  return join(folder, name);
}

export async function writeCheckpoint(bytes: Uint8Array): Promise<string> {
  const path = temporaryPath(`checkpoint-${count++}`);
  await writeFile(path, bytes);
  return path;
}

/** Opens the bytes as a checkpoint, hands it to `use` and closes it. */
export async function withCheckpoint<T>(bytes: Uint8Array, use: (checkpoint: Checkpoint) => Promise<T>): Promise<T> {
  const checkpoint = await openCheckpoint(await writeCheckpoint(bytes));
  try {
    return await use(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

/** The one sentence that the bytes, or the first tensor with a problem, are refused with. */
export async function refusal(bytes: Uint8Array): Promise<string> {
  const found = await withCheckpoint(bytes, async (checkpoint) => problems(checkpoint)[0]).catch(
    (error: unknown) => error,
  );
  if (typeof found === "string") return found;
  expect(found).toBeInstanceOf(CheckpointError);
  const { message } = found as CheckpointError;
  expect(message).toMatch(/^\S+\/checkpoint-\d+ cannot be read: [^\n]+\.$/);
  expect(message.length).toBeLessThan(600);
  return message;
}

/** Why tensors of the checkpoint can't be read. */
export function problems({ stateDicts }: Checkpoint): string[] {
  return stateDicts.flatMap(({ tensors }) => [...tensors.values()].flatMap(({ problem }) => problem ?? []));
}

/** The refusal of a PyTorch file with this object in its pickle. */
export function pickleRefusal(object: Buffer, storages: Record<string, Uint8Array> = {}): Promise<string> {
  return refusal(zip(torchZip(p.whole(object), storages)));
}
