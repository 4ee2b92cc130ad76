import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeFolder } from "../../src/files/make-folder.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "marimba-make-folder-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("makeFolder", () => {
  it("creates what is missing, even if others do so at once", async () => {
    const path = join(folder, "a", "b", "c");
    await Promise.all([makeFolder(path), makeFolder(path), makeFolder(join(folder, "a", "d"))]);
    await makeFolder(path);
    expect((await stat(path)).isDirectory()).toBe(true);
  });

  it("says which folder can't be created, and why", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    await expect(makeFolder(join(file, "a"))).rejects.toMatchObject({ code: "EEXIST", path: file });
    // An existing folder in which no folder can be created.
    const refusal = { path: "/proc/marimba", syscall: "mkdir" };
    await expect(makeFolder("/proc/marimba/a")).rejects.toMatchObject(refusal);
  });
});
