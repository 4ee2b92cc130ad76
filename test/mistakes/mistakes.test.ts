import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { plant } from "./mistake.js";
import { MISTAKES } from "./mistakes.js";

const ROOT = join(import.meta.dirname, "../..");
const source = (file: string) => readFileSync(join(ROOT, "src", file), "utf8");

describe("the list of mistakes", () => {
  test("is long, and each has a name of its own", () => {
    expect(MISTAKES.length).toBeGreaterThanOrEqual(40);
    expect(new Set(MISTAKES.map(({ name }) => name)).size).toBe(MISTAKES.length);
  });

  test("fits the source: every pattern stands where it should, once", () => {
    const misfits = MISTAKES.flatMap((mistake) => {
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

  test("is one that the compiler does not see", () => {
    expect(compilerErrors()).toEqual([]);
  }, 300_000);
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

/** Type errors of every mistake's file with the mistake in it: one that does not compile proves nothing. */
function compilerErrors(): string[] {
  const { config } = ts.readConfigFile(join(ROOT, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  // One program for all: each wrong file lies beside the right one, under a name of its own.
  const planted = new Map<string, string>();
  for (const mistake of MISTAKES) {
    const path = join(ROOT, "src", mistake.file.replace(/ts$/, `${mistake.name}.ts`));
    planted.set(path, plant(mistake, source(mistake.file)));
  }
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (path) => planted.has(path) || fileExists(path);
  host.readFile = (path) => planted.get(path) ?? readFile(path);
  const program = ts.createProgram([...planted.keys()], options, host);
  return [...planted.keys()].flatMap((path) => {
    const file = program.getSourceFile(path)!;
    const errors = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return errors.map((error) => `${path}: ${ts.flattenDiagnosticMessageText(error.messageText, " ")}`);
  });
}
