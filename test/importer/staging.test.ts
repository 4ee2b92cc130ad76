import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { checkNameIsFree, importFolderName, stageModel } from "../../src/importer/staging.js";
import { temporaryPath, useTemporaryFolder } from "./models.js";

// A full disk is the one thing here that cannot be had for real.
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  return { ...real, statfs: async () => ({ bavail: 1000, bsize: 4096 }) };
});

useTemporaryFolder();

const fill = (folder: string) => writeFile(join(folder, "model.json"), "{}");

test("a disk that is too full is said before anything is written", async () => {
  const modelsDir = temporaryPath("full");
  const attempt = stageModel({ modelsDir, name: "m", sizeBytes: 5_000_000, replace: false }, fill);
  await expect(attempt).rejects.toThrow(`${modelsDir} has 4.1 MB free; the model needs 5.0 MB.`);
  await expect(readdir(modelsDir)).rejects.toThrow("ENOENT");
  await stageModel({ modelsDir, name: "m", sizeBytes: 1_000_000, replace: false }, fill);
  expect(await readdir(modelsDir)).toEqual(["m"]);
});

test("a models folder that can't be made is said at once", async () => {
  const modelsDir = "/proc/marimba/models";
  const attempt = stageModel({ modelsDir, name: "m", sizeBytes: 1, replace: false }, fill);
  await expect(attempt).rejects.toThrow(/^The models folder \/proc\/marimba\/models can't be made: /);
});

test("a model that appeared meanwhile is not overwritten", async () => {
  const modelsDir = temporaryPath("raced");
  await checkNameIsFree(modelsDir, "m", false);
  const racing = async (folder: string) => {
    await fill(folder);
    await mkdir(join(modelsDir, "m"));
    await writeFile(join(modelsDir, "m", "theirs"), "");
  };
  const attempt = stageModel({ modelsDir, name: "m", sizeBytes: 1, replace: false }, racing);
  await expect(attempt).rejects.toThrow("exists already");
  expect(await readdir(modelsDir)).toEqual(["m"]);
  expect(await readdir(join(modelsDir, "m"))).toEqual(["theirs"]);
});

test("what the file system refuses in the middle is a sentence that names the models folder", async () => {
  const modelsDir = temporaryPath("refused");
  const full = async () => {
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
  };
  await expect(stageModel({ modelsDir, name: "m", sizeBytes: 1, replace: false }, full)).rejects.toThrow(
    `The model can't be written into ${modelsDir}: the disk is full.`,
  );
});

describe("what an import that was killed left", () => {
  const stage = (modelsDir: string) => stageModel({ modelsDir, name: "m", sizeBytes: 1, replace: true }, fill);

  /** Stages a model in a process of its own, which stays in the middle until it is killed. */
  async function killedImport(modelsDir: string, whileRunning: () => Promise<void>): Promise<void> {
    const built = new URL("../../dist/importer/staging.js", import.meta.url).href;
    const script = `
      const { stageModel } = await import(${JSON.stringify(built)});
      const fill = () => new Promise(() => { console.log("staged"); setInterval(() => {}, 1000); });
      await stageModel({ modelsDir: process.argv[1], name: "killed", sizeBytes: 1, replace: false }, fill);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script, modelsDir]);
    await once(child.stdout, "data");
    await whileRunning();
    child.kill("SIGKILL");
    await once(child, "close");
  }

  test("is cleared away by the next one, and never while it runs", async () => {
    const modelsDir = temporaryPath("killed");
    let staging: string[] = [];
    await killedImport(modelsDir, async () => {
      staging = await readdir(modelsDir);
      expect(staging).toEqual([expect.stringMatching(/^\.import-.*-killed$/)]);
      await stage(modelsDir);
      expect((await readdir(modelsDir)).sort()).toEqual([...staging, "m"]);
    });
    expect((await readdir(modelsDir)).sort()).toEqual([...staging, "m"]);
    await stage(modelsDir);
    expect(await readdir(modelsDir)).toEqual(["m"]);
  });

  test("of another machine stays for a day", async () => {
    const modelsDir = temporaryPath("elsewhere");
    const folder = join(modelsDir, ".import-0123456789ab-1-0123456789ab-theirs");
    await mkdir(folder, { recursive: true });
    const weights = join(folder, "weights.bin");
    await writeFile(weights, "");
    const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);
    await utimes(folder, hoursAgo(30), hoursAgo(30));
    await utimes(weights, hoursAgo(20), hoursAgo(20));
    await stage(modelsDir);
    expect(await readdir(folder)).toEqual(["weights.bin"]);
    await utimes(weights, hoursAgo(30), hoursAgo(30));
    await stage(modelsDir);
    expect(await readdir(modelsDir)).toEqual(["m"]);
  });

  test("comes back where it was to be replaced and is the only copy", async () => {
    const modelsDir = temporaryPath("replaced");
    await mkdir(modelsDir);
    const gone = spawn(process.execPath, ["-e", ""]);
    await once(gone, "close");
    // As this process would name it, had it another number.
    const nameOf = (name: string) => importFolderName("replaced", name).replace(`-${process.pid}-`, `-${gone.pid}-`);
    for (const name of ["only", "m"]) {
      const folder = join(modelsDir, nameOf(name));
      await mkdir(folder);
      await fill(folder);
    }
    await fill(await mkdir(join(modelsDir, "m"), { recursive: true }).then((made) => made!));
    await stage(modelsDir);
    expect((await readdir(modelsDir)).sort()).toEqual(["m", "only"]);
  });
});
