import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { isBuilt } from "../../scripts/is-built.js";

it("a build is told of where there is none, or a source is newer", async () => {
  const root = await mkdtemp(join(tmpdir(), "marimba-built-"));
  for (const folder of ["src/api", "dist"]) await mkdir(join(root, folder), { recursive: true });
  const sources = ["package.json", "tsconfig.json", "tsconfig.build.json", "src/api/app.ts"];
  for (const file of sources) await writeFile(join(root, file), "");
  expect(isBuilt(root)).toBe(false);
  await writeFile(join(root, "dist/.tsbuildinfo"), "");
  const now = Date.now() / 1000;
  await utimes(join(root, "dist/.tsbuildinfo"), now + 60, now + 60);
  expect(isBuilt(root)).toBe(true);
  for (const file of sources) {
    await utimes(join(root, file), now + 120, now + 120);
    expect(isBuilt(root), file).toBe(false);
    await utimes(join(root, file), now, now);
  }
  expect(isBuilt(root)).toBe(true);
  await rm(root, { recursive: true });
});
