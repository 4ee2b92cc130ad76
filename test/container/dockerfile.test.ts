import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { validate } from "dockerfile-utils";
import { describe, expect, it } from "vitest";
import { describeConfig } from "../../src/config.js";
import { readDockerIgnore } from "./docker-ignore.js";
import { parseStages } from "./dockerfile.js";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const TEXT = readFileSync(join(PROJECT, "Dockerfile"), "utf8");

describe("the Dockerfile", () => {
  const stages = parseStages(TEXT);
  const last = stages.at(-1)!;

  it("is well formed", () => {
    expect(validate(TEXT).map(({ message, range }) => `${range.start.line + 1}: ${message}`)).toEqual([]);
    expect(validate("FROM node\nRUM npm ci\nHEALTHCHECK --interval=3 CMD x").map(({ message }) => message)).toEqual([
      "Unknown instruction: RUM",
      "time: missing unit in duration 3",
    ]);
  });

  it("names every image by a version", () => {
    for (const { base } of stages)
      if (!stages.some(({ name }) => name === base)) expect(base).toMatch(/:\d+\.\d+\.\d+-/);
  });

  it("sets only variables that the configuration knows", () => {
    const known = describeConfig().map(({ variable }) => variable);
    const set = stages.flatMap(({ steps }) => steps.filter(({ keyword }) => keyword === "ENV"));
    for (const { words } of set) for (const word of words) expect(known).toContain(word.split("=")[0]);
  });

  it("ends as a user that is a number and not root", () => {
    const users = last.steps.filter(({ keyword }) => keyword === "USER").map(({ text }) => text);
    expect(users).toEqual([expect.stringMatching(/^[1-9]\d*:[1-9]\d*$/)]);
  });

  it("installs CUDA's provider only where it is asked for, on the base that is asked for", () => {
    const withCuda = parseStages(TEXT, { PROVIDER: "cuda", BASE_IMAGE: "nvidia/cuda:13.0.2" });
    expect(withCuda.at(-1)!.base).toBe("nvidia/cuda:13.0.2");
    const provider = (built: typeof stages) => built.at(-1)!.steps.find(({ keyword }) => keyword === "ENV")!.words;
    expect([provider(stages), provider(withCuda)]).toEqual([["PROVIDER=cpu"], ["PROVIDER=cuda"]]);
  });

  it("installs CUDA's provider by a command that is there, and checks it against the base", () => {
    const commands = stages
      .flatMap(({ steps }) => steps)
      .flatMap(({ text }) =>
        [...text.matchAll(/node dist\/main\.js (gpu [^&|;]*)/g)].map(([, words]) => words!.trim()),
      );
    expect(commands).toEqual(["gpu install", "gpu check --without-driver"]);
    const { status, stdout } = spawnSync(process.execPath, [join(PROJECT, "dist/main.js"), "gpu", "--help"]);
    expect(status).toBe(0);
    expect(String(stdout)).toContain("--without-driver");
  });
});

describe(".dockerignore", () => {
  const isLetIn = readDockerIgnore(readFileSync(join(PROJECT, ".dockerignore"), "utf8"));

  it("keeps out what is large, private or not built from", () => {
    const paths = [
      ".env",
      ".git/config",
      "node_modules/x/index.js",
      "models/own/weights.bin",
      "test/a.ts",
      "dist/a.js",
    ];
    expect(paths.filter(isLetIn)).toEqual([]);
    expect(["src/main.ts", "models/demo/model.json", "scripts/build.js"].filter((path) => !isLetIn(path))).toEqual([]);
  });

  it("is read as a build reads it", () => {
    const reads = readDockerIgnore("# no\n**/*.log\n/out/\nsrc/?\n!keep.log\n");
    const paths = ["a.log", "x/y/b.log", "keep.log", "out/a", "src/a/b", "src/ab", "outer"];
    expect(paths.filter(reads)).toEqual(["keep.log", "src/ab", "outer"]);
  });
});
