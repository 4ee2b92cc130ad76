import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
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
