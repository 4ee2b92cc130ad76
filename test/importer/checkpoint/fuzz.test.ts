import { open, readFile, truncate, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { expect, test } from "vitest";
import type { Checkpoint } from "../../../src/importer/checkpoint/checkpoint.js";
import { CheckpointError } from "../../../src/importer/checkpoint/error.js";
import { openCheckpoint } from "../../../src/importer/checkpoint/open.js";
import { ImportError } from "../../../src/importer/error.js";
import { chooseWeights, type Network } from "../../../src/importer/weights/choose-weights.js";
import { TINY } from "../../reference.js";
import { temporaryPath, useTemporaryFolder } from "./files.js";

useTemporaryFolder();

/** Beyond what reading the unharmed files takes; one honest allocation of a wrong size would be gigabytes. */
const MAX_GROWTH_BYTES = 400 * 2 ** 20;

/** A small generator for reproducible tests (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

interface Edit {
  readonly at: number;
  readonly bytes: Buffer;
}

/** Where a mutation matters: the header, or the pickle, the zip directory and its end. */
function structure(original: Buffer): { begin: number; end: number }[] {
  if (original[8] === 0x7b) return [{ begin: 0, end: 8 + Number(original.readBigUInt64LE(0)) }];
  const directory = original.readUInt32LE(original.byteLength - 6);
  return [
    { begin: 0, end: 64 + original.readUInt32LE(18) },
    { begin: directory, end: original.byteLength },
    { begin: original.byteLength - 22, end: original.byteLength },
  ];
}

const EXTREMES = [0n, 1n, 0x7fn, 0xffn, 0xffffn, 0x7fffffffn, 0xffffffffn, 2n ** 53n, 2n ** 63n - 1n, 2n ** 64n - 1n];

/** One mutation: flipped bits, an extreme length, a splice, noise, or a truncation (the file's new length). */
function mutate(original: Buffer, random: (below: number) => number): { edits: Edit[]; length: number } {
  const regions = structure(original);
  const place = () => {
    // Four of five hit what the readers parse; the others hit anything.
    const region = random(5) < 4 ? regions[random(regions.length)]! : { begin: 0, end: original.byteLength };
    return region.begin + random(region.end - region.begin);
  };
  const edit = (at: number, bytes: Buffer): Edit => ({ at, bytes: bytes.subarray(0, original.byteLength - at) });
  const length = original.byteLength;
  switch (random(6)) {
    case 0:
      return { edits: [], length: random(3) === 0 ? random(length) : place() };
    case 1: {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(EXTREMES[random(EXTREMES.length)]!);
      return { edits: [edit(place(), bytes.subarray(0, [1, 2, 4, 8][random(4)]))], length };
    }
    case 2: {
      const from = place();
      return { edits: [edit(place(), original.subarray(from, from + 1 + random(200)))], length };
    }
    case 3: {
      const noise = Buffer.from(Array.from({ length: 1 + random(16) }, () => random(256)));
      return { edits: [edit(place(), noise)], length };
    }
    default: {
      const edits = Array.from({ length: 1 + random(8) }, () => {
        const at = place();
        return edit(at, Buffer.from([original[at]! ^ (1 << random(8))]));
      });
      return { edits, length };
    }
  }
}

/** The file with its checksums taken out, so that mutations reach the pickle's interpreter. */
function withoutChecksums(original: Buffer): Buffer {
  if (original[8] === 0x7b) return original;
  const copy = Buffer.from(original);
  let at = copy.readUInt32LE(copy.byteLength - 6);
  while (copy.readUInt32LE(at) === 0x02014b50) {
    copy.writeUInt32LE(0, at + 16);
    at += 46 + copy.readUInt16LE(at + 28) + copy.readUInt16LE(at + 30) + copy.readUInt16LE(at + 32);
  }
  return copy;
}

/** Applies a mutation to the file in place and returns what undoes it. */
async function applyMutation(path: string, original: Buffer, { edits, length }: ReturnType<typeof mutate>) {
  const write = async (parts: readonly Edit[]) => {
    const file = await open(path, "r+");
    try {
      for (const { at, bytes } of parts) await file.write(bytes, 0, bytes.byteLength, at);
    } finally {
      await file.close();
    }
  };
  await write(edits);
  await truncate(path, length);
  const undo = edits.map(({ at, bytes }) => ({ at, bytes: original.subarray(at, at + bytes.byteLength) }));
  return () => write([...undo, { at: length, bytes: original.subarray(length) }]);
}

/** Reads the network's weights; "read", or the one sentence they were refused with. Any other error passes. */
async function readAll(path: string, network: Network): Promise<string> {
  let checkpoint: Checkpoint | undefined;
  try {
    checkpoint = await openCheckpoint(path);
    const entries = [...chooseWeights(checkpoint, network).tensors.values()];
    const problem = entries.find((entry) => entry.problem !== undefined)?.problem;
    if (problem !== undefined) return `${path} cannot be read: ${problem}.`;
    for await (const _ of checkpoint.chunks(entries));
    return "read";
  } catch (error) {
    if (error instanceof CheckpointError || error instanceof ImportError) return error.message;
    throw error;
  } finally {
    await checkpoint?.close();
  }
}

test.each([
  ["checkpoint-last.pth", 130, "generator"],
  ["mar.safetensors", 150, "generator"],
  ["../systems/kl8/model.ckpt", 100, "tokenizer"],
  ["kl16.safetensors", 80, "tokenizer"],
] as const)(
  "%s: %i mutations are read or refused with one sentence, in bounded memory",
  { timeout: 180_000 },
  async (name, mutations, network) => {
    const original = withoutChecksums(await readFile(`${TINY}/${name}`));
    const path = temporaryPath(basename(name));
    await writeFile(path, original);
    expect(await readAll(path, network)).toBe("read");
    const before = process.memoryUsage.rss();
    const outcomes = new Set<string>();
    let refused = 0;
    for (let seed = 1; seed <= mutations; seed++) {
      const undo = await applyMutation(path, original, mutate(original, randomFrom(seed)));
      const outcome = await readAll(path, network).catch((error: Error) => {
        throw new Error(`seed ${seed}: ${error.stack}`);
      });
      await undo();
      if (outcome === "read") continue;
      refused++;
      outcomes.add(outcome.replace(/\d+/g, "#").replace(/".*?"/g, '""'));
      expect(outcome, `seed ${seed}`).toMatch(/^\S+ (cannot be read:|holds|has) [\x20-\x7e]{5,600}\.$/);
    }
    expect(process.memoryUsage.rss() - before).toBeLessThan(MAX_GROWTH_BYTES);
    // Most mutations do harm, and in many different ways.
    expect(refused).toBeGreaterThan(mutations / 3);
    expect(outcomes.size).toBeGreaterThan(8);
    expect(await readAll(path, network)).toBe("read");
  },
);
