import { crc32 } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import type { TensorEntry } from "../../../src/importer/checkpoint/checkpoint.js";
import { CheckpointFile } from "../../../src/importer/checkpoint/file.js";
import { CHUNK_BYTES, readAhead } from "../../../src/importer/checkpoint/read-ahead.js";
import { useTemporaryFolder, writeCheckpoint } from "./files.js";

useTemporaryFolder();

const SIZES = [3, CHUNK_BYTES + 8, 0, 2 * CHUNK_BYTES, 5];

/** A file of these tensors back to back, every byte another than its neighbours. */
async function openTensors(): Promise<{ file: CheckpointFile; bytes: Buffer; entries: TensorEntry[] }> {
  const bytes = Buffer.alloc(SIZES.reduce((a, b) => a + b));
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 7 + (i >> 11)) & 0xff;
  let offset = 0;
  const entries = SIZES.map((byteLength, i): TensorEntry => {
    const entry = { name: `t${i}`, dtype: "U8", shape: [byteLength], offset, byteLength } as const;
    offset += byteLength;
    return entry;
  });
  return { file: await CheckpointFile.open(await writeCheckpoint(bytes)), bytes, entries };
}

test("tensors come one after another, in any order, each with its end marked", async () => {
  const { file, bytes, entries } = await openTensors();
  const order = [3, 0, 2, 1, 4].map((i) => entries[i]!);
  const found: { name: string; bytes: Buffer }[] = [];
  let isNew = true;
  for await (const chunk of readAhead(file, order, new Map())) {
    if (isNew) found.push({ name: chunk.entry.name, bytes: Buffer.alloc(0) });
    const tensor = found.at(-1)!;
    expect(chunk.entry.name).toBe(tensor.name);
    tensor.bytes = Buffer.concat([tensor.bytes, chunk.bytes]);
    isNew = chunk.last;
  }
  await file.close();
  expect(found.map(({ name }) => name)).toEqual(order.map(({ name }) => name));
  for (const [i, { offset, byteLength }] of order.entries())
    expect(found[i]!.bytes.equals(bytes.subarray(offset, offset + byteLength)), `tensor ${i}`).toBe(true);
});

test("a chunk stays as it is until two more have been asked for", async () => {
  const { file, bytes, entries } = await openTensors();
  const reads = vi.spyOn(file, "readInto");
  const held: { chunk: Uint8Array; at: number }[] = [];
  let at = 0;
  for await (const { bytes: chunk } of readAhead(file, entries, new Map())) {
    held.push({ chunk, at });
    at += chunk.byteLength;
    await Promise.all(reads.mock.results.map(({ value }) => value)); // the one under way, too
    for (const { chunk: earlier, at: start } of held.slice(-2))
      expect(Buffer.compare(earlier, bytes.subarray(start, start + earlier.byteLength))).toBe(0);
  }
  await file.close();
});

describe("checksums", () => {
  test("are of each tensor by itself, and a wrong one is told before the tensor's last chunk", async () => {
    const { file, bytes, entries } = await openTensors();
    const sums = new Map(entries.map((e) => [e, crc32(bytes.subarray(e.offset, e.offset + e.byteLength))]));
    for await (const _ of readAhead(file, entries, sums));
    sums.set(entries[3]!, sums.get(entries[3]!)! ^ 1);
    const ends: string[] = [];
    const reading = (async () => {
      for await (const { entry, last } of readAhead(file, entries, sums)) if (last) ends.push(entry.name);
    })();
    await expect(reading).rejects.toThrow('tensor "t3" is damaged');
    expect(ends).toEqual(["t0", "t1", "t2"]);
    await file.close();
  });
});

test("one who stops early leaves no read under way", async () => {
  const { file, entries } = await openTensors();
  for await (const { entry } of readAhead(file, entries, new Map())) if (entry.name === "t1") break;
  await file.close();
});
