import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { checkNameIsFree, stageModel } from "../../../src/model/import/staging.js";
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
