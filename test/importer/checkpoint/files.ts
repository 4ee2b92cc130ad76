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

/** The one sentence that the bytes are refused with. */
export async function refusal(bytes: Uint8Array): Promise<string> {
  const error = await withCheckpoint(bytes, async () => undefined).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CheckpointError);
  const { message } = error as CheckpointError;
  expect(message).toMatch(/^checkpoint-\d+ cannot be read: [^\n]+\.$/);
  expect(message.length).toBeLessThan(600);
  return message;
}

/** The refusal of a PyTorch file with this object in its pickle. */
export function pickleRefusal(object: Buffer, storages: Record<string, Uint8Array> = {}): Promise<string> {
  return refusal(zip(torchZip(p.whole(object), storages)));
}
