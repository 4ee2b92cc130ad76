import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { WHEEL } from "../../src/commands/gpu.js";
import { Marimba } from "./marimba.js";

const gpu = (...args: string[]) => new Marimba(["gpu", ...args]).ended;

describe("marimba gpu", () => {
  it("installs the provider of exactly the version of ONNX Runtime that runs", () => {
    const path = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
    const { version } = JSON.parse(readFileSync(path, "utf8"));
    expect(WHEEL.package).toBe(`onnxruntime-gpu==${version}`);
  });

  it("refuses another file than the expected one, before it opens it", async () => {
    const { code, stderr } = await gpu("install", "--wheel", "package.json");
    expect(stderr).toMatch(
      /^package\.json is not the expected onnxruntime-gpu==\S+: its SHA-256 is [0-9a-f]{64}, not /,
    );
    expect(code).toBe(2);
  });

  it("says what is missing where nothing can be downloaded", async () => {
    const { code, stderr } = await gpu("install", "--python", "no-python-here");
    expect(stderr).toContain("There is no no-python-here, whose pip downloads the libraries");
    expect(code).toBe(2);
  });

  it.each([
    [["install", "--device", "1"], "marimba gpu install has no option --device."],
    [["check", "--into", "x"], "marimba gpu check has no option --into."],
    [["check", "--device", "first"], "--device must be the number of a GPU, such as 0."],
    [["remove"], "Usage: marimba gpu install, or marimba gpu check."],
    [[], "Usage: marimba gpu install, or marimba gpu check."],
  ])("refuses %j", async (args, message) => {
    expect(await gpu(...args)).toMatchObject({ code: 2, stderr: `${message}\n` });
  });
});
