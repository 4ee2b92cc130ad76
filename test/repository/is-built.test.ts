import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { isBuilt, markBuilt, stampOf } from "../../scripts/is-built.js";

it("a build is needed where there is none, or a source is new, gone or changed; its time alone changes nothing", async () => {
  const root = await mkdtemp(join(tmpdir(), "marimba-built-"));
  for (const folder of ["src/api", "dist", "scripts"]) await mkdir(join(root, folder), { recursive: true });
  const configs = ["package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json", "scripts/build.js"];
  const sources = [...configs, "src/api/app.ts"];
  for (const file of sources) await writeFile(join(root, file), "a");
  expect(isBuilt(root)).toBe(false);
  const build = () => markBuilt(root, stampOf(root));
  build();
  expect(isBuilt(root)).toBe(true);
  for (const file of sources) {
    await writeFile(join(root, file), "b");
    expect(isBuilt(root), file).toBe(false);
    await writeFile(join(root, file), "a");
    const time = Date.now() / 1000 + 60;
    await utimes(join(root, file), time, time);
    expect(isBuilt(root), file).toBe(true);
  }
  await writeFile(join(root, "src/api/added.ts"), "");
  expect(isBuilt(root)).toBe(false);
  build();
  await rm(join(root, "src/api/added.ts"));
  expect(isBuilt(root)).toBe(false);
  await rm(root, { recursive: true });
});
