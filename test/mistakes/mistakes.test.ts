import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { plant } from "./mistake.js";
import { MISTAKES } from "./mistakes.js";
import { SLOWDOWNS } from "./table/slowdowns.js";

const ROOT = join(import.meta.dirname, "../..");
const source = (file: string) => readFileSync(join(ROOT, "src", file), "utf8");

describe("the list of mistakes", () => {
  test("is long, and each has a name of its own", () => {
    expect(MISTAKES.length).toBeGreaterThanOrEqual(40);
    expect(new Set(MISTAKES.map(({ name }) => name)).size).toBe(MISTAKES.length);
  });

  test("fits the source: every pattern stands where it should, once", () => {
    const misfits = [...MISTAKES, ...Object.values(SLOWDOWNS)].flatMap((mistake) => {
      try {
        plant(mistake, source(mistake.file));
        return [];
      } catch (error) {
        return [(error as Error).message];
      }
    });
    expect(misfits).toEqual([]);
  });

  test("refuses a pattern that stands nowhere or twice", () => {
    const mistake = { name: "m", file: "f.ts", find: "a", replace: "b", why: "" };
    expect(plant(mistake, "xay")).toBe("xby");
    for (const text of ["xyz", "aa"]) expect(() => plant(mistake, text)).toThrow("m no longer fits src/f.ts");
  });
});

test("the script tells who caught a mistake, by parity and by a unit test", () => {
  const args = [join(ROOT, "scripts/mistakes.js"), "vae-attention-unscaled", "philox-constant"];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(stdout).toMatch(/^vae-attention-unscaled +parity: image: error \d/m);
  expect(stdout).toMatch(/^philox-constant +test\/model\/sampler\/philox\.test\.ts: /m);
  expect(stdout).toContain("2 of 2 mistakes were caught");
  expect(status).toBe(0);
}, 300_000);
