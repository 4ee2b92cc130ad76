import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { isBuilt, markBuilt, stampOf } from "../../scripts/is-built.js";

it("a build is needed where there is none, or a source is newer, older, new or gone", async () => {
  const root = await mkdtemp(join(tmpdir(), "marimba-built-"));
  for (const folder of ["src/api", "dist", "scripts"]) await mkdir(join(root, folder), { recursive: true });
  const configs = ["package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json", "scripts/build.js"];
  const sources = [...configs, "src/api/app.ts"];
  for (const file of sources) await writeFile(join(root, file), "");
  expect(isBuilt(root)).toBe(false);
  const build = () => markBuilt(root, stampOf(root));
  build();
  expect(isBuilt(root)).toBe(true);
  for (const file of sources)
    for (const seconds of [60, -60]) {
      const time = Date.now() / 1000 + seconds;
      await utimes(join(root, file), time, time);
      expect(isBuilt(root), file).toBe(false);
      build();
      expect(isBuilt(root), file).toBe(true);
    }
  await writeFile(join(root, "src/api/added.ts"), "");
  expect(isBuilt(root)).toBe(false);
  build();
  await rm(join(root, "src/api/added.ts"));
  expect(isBuilt(root)).toBe(false);
  await rm(root, { recursive: true });
});
