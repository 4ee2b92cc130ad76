import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { GrowingFile } from "../../src/model/growing-file.js";
import { hashFiles } from "../../src/model/hash-files.js";
import { sha256 } from "./hash-of-folder.js";

const folder = mkdtempSync(join(tmpdir(), "marimba-hash-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, length: number): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.alloc(length, name));
  return path;
}

test("hashes files by path and by descriptor, several as one, and counts every byte", async () => {
  const a = write("a", 40_000_003);
  const b = write("b", 5);
  const empty = write("empty", 0);
  let counted = 0;
  const onBytes = (bytes: number) => {
    counted += bytes;
  };
  const hashes = await hashFiles([[a], [openSync(b, "r")], [a, empty, b], [empty]], { onBytes });
  const [bytesA, bytesB] = [readFileSync(a), readFileSync(b)];
  expect(hashes).toEqual([bytesA, bytesB, Buffer.concat([bytesA, bytesB]), Buffer.alloc(0)].map(sha256));
  expect(counted).toBe(2 * (40_000_003 + 5));
  expect(await hashFiles([])).toEqual([]);
});

test("rejects with the file system's error, with what a listener throws, and with the signal's reason", async () => {
  const a = write("a", 40_000_003);
  const missing = join(folder, "missing");
  await expect(hashFiles([[a], [missing]])).rejects.toMatchObject({ code: "ENOENT", path: missing });
  const onBytes = () => {
    throw new Error("enough");
  };
  await expect(hashFiles([[a]], { onBytes })).rejects.toThrow("enough");
  const stopped = new AbortController();
  const hashing = hashFiles([[a]], { signal: stopped.signal });
  stopped.abort(new Error("stopped"));
  await expect(hashing).rejects.toThrow("stopped");
});

test("hashes a file while it is written, to its end and no further, and stops when it is told to", async () => {
  const pieces = [1, 300_000, 0, 700_001].map((length, i) => Buffer.alloc(length, `${i}`));
  const descriptor = openSync(join(folder, "growing"), "w+");
  const growing = new GrowingFile(descriptor);
  const { shared } = growing;
  const hashing = hashFiles([[{ descriptor, shared }]]);
  for (const piece of pieces) {
    writeSync(descriptor, piece);
    growing.wrote(piece.byteLength);
    await setTimeout(20); // the thread has read it all and waits
  }
  growing.end();
  writeSync(descriptor, "more");
  expect(await hashing).toEqual([sha256(Buffer.concat(pieces))]);

  const stopped = new AbortController();
  const endless = { descriptor, shared: new GrowingFile(descriptor).shared };
  const waiting = hashFiles([[endless]], { signal: stopped.signal });
  await setTimeout(100);
  stopped.abort(new Error("stopped"));
  await expect(waiting).rejects.toThrow("stopped");
});
