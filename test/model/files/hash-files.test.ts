import { spawnSync } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { GrowingFile } from "../../../src/model/files/growing-file.js";
import { hashFiles, NotFiniteError, prepareToHash } from "../../../src/model/files/hash-files.js";
import { eventually } from "../../eventually.js";
import { sha256 } from "../../importer/hash-of-folder.js";

const folder = mkdtempSync(join(tmpdir(), "marimba-hash-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, length: number): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.alloc(length, name));
  return path;
}

/** Resolves once the thread has read what there is of a growing file, and waits for more. */
const readerWaits = (shared: SharedArrayBuffer) =>
  eventually(() => expect(Atomics.notify(new BigInt64Array(shared), 0)).toBe(1));

test("hashes files by path and by descriptor, several as one, and counts every byte", async () => {
  const a = write("a", 40_000_003);
  const b = write("b", 5);
  const empty = write("empty", 0);
  let counted = 0;
  const onBytes = (bytes: number) => {
    counted += bytes;
  };
  const hashes = await hashFiles([[a], [{ descriptor: openSync(b, "r") }], [a, empty, b], [empty]], { onBytes });
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
    await readerWaits(shared);
  }
  growing.end();
  writeSync(descriptor, "more");
  expect(await hashing).toEqual([sha256(Buffer.concat(pieces))]);

  const stopped = new AbortController();
  const endless = { descriptor, shared: new GrowingFile(descriptor).shared };
  const waiting = hashFiles([[endless]], { signal: stopped.signal });
  await readerWaits(endless.shared);
  stopped.abort(new Error("stopped"));
  await expect(waiting).rejects.toThrow("stopped");
});

test("checks on the way that stretches of a file hold finite numbers, wherever they lie", async () => {
  const bytes = Buffer.alloc(600_003, 0xff); // NaN wherever nothing else is
  const stretches = [
    [8, 8],
    [12, 16],
    [40, 262_140],
    [262_140, 262_148], // across what is read at once
    [262_148, 599_996],
  ] as const;
  for (const [begin, end] of stretches) {
    for (let i = begin; i < end; i += 4) bytes.writeFloatLE(-3e38 + i, i);
  }
  const path = join(folder, "checked");
  const hash = async () => {
    writeFileSync(path, bytes);
    return hashFiles([[{ descriptor: openSync(path, "r"), floats: stretches }]]);
  };
  expect(await hash()).toEqual([sha256(bytes)]);
  for (const [stretch, [begin, end]] of stretches.entries()) {
    for (const at of new Set([begin, end - 4])) {
      if (begin === end) continue;
      for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const right = bytes.readFloatLE(at);
        bytes.writeFloatLE(wrong, at);
        const error = await hash().catch((thrown: unknown) => thrown);
        bytes.writeFloatLE(right, at);
        expect(error).toBeInstanceOf(NotFiniteError);
        expect((error as NotFiniteError).stretch).toBe(stretch);
      }
    }
  }
});

test("checks a file that grows by any number of bytes", async () => {
  const bytes = Buffer.alloc(700_000, 0xff);
  for (let i = 8; i < bytes.byteLength; i += 4) bytes.writeFloatLE(i, i);
  const descriptor = openSync(join(folder, "odd"), "w+");
  const growing = new GrowingFile(descriptor);
  const { shared } = growing;
  const hashing = hashFiles([[{ descriptor, shared, floats: [[8, bytes.byteLength]] }]]);
  const ends = [5, 6, 301, 400_002, 400_003, 700_000];
  for (const [i, end] of ends.entries()) {
    const start = ends[i - 1] ?? 0;
    writeSync(descriptor, bytes, start, end - start);
    growing.wrote(end - start);
    await readerWaits(shared);
  }
  growing.end();
  expect(await hashing).toEqual([sha256(bytes)]);
});

test("a thread may be started before it is needed; unneeded, it keeps no process alive", async () => {
  const a = write("a", 5);
  prepareToHash();
  prepareToHash();
  expect(await hashFiles([[a]])).toEqual([sha256(readFileSync(a))]);
  expect(await hashFiles([[a]])).toEqual([sha256(readFileSync(a))]);
  const script = `import { prepareToHash } from ${JSON.stringify(new URL("../../../dist/model/files/hash-files.js", import.meta.url))}; prepareToHash();`;
  const { status } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], { timeout: 30_000 });
  expect(status).toBe(0);
});
