import { readFileSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError, describeConfig, loadConfig } from "../src/config.js";
import { PACKAGE_ROOT } from "../src/files/package.js";

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    loadConfig(environment);
  } catch (error) {
    return (error as ConfigError).problems;
  }
  return [];
}

describe("loadConfig", () => {
  it("needs no variable and freezes what it gives", () => {
    const config = loadConfig({});
    expect(config).toMatchObject({ host: "127.0.0.1", port: 8080, engine: "onnx", logLevel: "info" });
    expect(config.modelsDir).toBe(resolve("models"));
    expect(config.models).toBeUndefined();
    expect(Object.isFrozen(config)).toBe(true);
  });

  it("reads every variable into its type", () => {
    const config = loadConfig({
      HOST: "0.0.0.0",
      PORT: "9000",
      MODELS_DIR: "weights",
      MODELS: "mar-b, demo,mar-b",
      MAX_BATCH: "4",
      MAX_RESULT_BYTES: "1000000",
      ENGINE: "null",
      LOG_LEVEL: "silent",
    });
    expect(config).toMatchObject({
      host: "0.0.0.0",
      port: 9000,
      models: ["mar-b", "demo"],
      maxBatch: 4,
      maxResultBytes: 1_000_000,
      engine: "null",
      logLevel: "silent",
    });
    expect(isAbsolute(config.modelsDir)).toBe(true);
  });

  it("treats an empty variable as absent and ignores unknown ones", () => {
    expect(loadConfig({ PORT: "", MODELS: " ", REDIS_URL: "", NO_SUCH_VARIABLE: "x" })).toEqual(loadConfig({}));
  });

  it("reports every bad value at once: the variable, what it was, what would be right", () => {
    const problems = problemsOf({ PORT: "70000", MAX_BATCH: "many", ENGINE: "cuda", MODELS: "../etc", PATH: "?" });
    expect(problems).toEqual([
      'PORT is "70000"; it must be an integer from 0 to 65535.',
      'MODELS is "../etc"; it must be names of model folders (lower case letters, digits, . _ -), separated by commas.',
      'ENGINE is "cuda"; it must be onnx or null.',
      'MAX_BATCH is "many"; it must be an integer from 1 to 4096.',
    ]);
    expect(new ConfigError(problems).message.split("\n")).toHaveLength(4);
  });

  it("lets no job be larger than the queue", () => {
    expect(loadConfig({ MAX_QUEUED_IMAGES: "8" }).maxImagesPerJob).toBe(8);
    expect(loadConfig({ MAX_QUEUED_IMAGES: "8", MAX_IMAGES_PER_JOB: "4" }).maxImagesPerJob).toBe(4);
    expect(problemsOf({ MAX_QUEUED_IMAGES: "8", MAX_IMAGES_PER_JOB: "9" })).toEqual([
      'MAX_IMAGES_PER_JOB is "9"; it must be at most MAX_QUEUED_IMAGES.',
    ]);
  });

  it("trusts the named proxies, and accepts neither everybody nor a number of hops", () => {
    const named = "127.0.0.1, 10.0.0.0/8,fd00::/8, ::1,uniquelocal";
    const trustProxy = ["127.0.0.1", "10.0.0.0/8", "fd00::/8", "::1", "uniquelocal"];
    expect(loadConfig({ TRUST_PROXY: named })).toMatchObject({ trustProxy });
    for (const wrong of [
      "true",
      "1",
      "*",
      "0.0.0.0/0",
      "::/0",
      "10.0.0.0/33",
      "10.1",
      "proxy.local",
      "::1,",
      "fe80::1%lo",
    ])
      expect(problemsOf({ TRUST_PROXY: wrong }), wrong).toEqual([
        expect.stringMatching(/^TRUST_PROXY is ".+"; it must be addresses or networks such as 10\.0\.0\.0\/8/),
      ]);
  });

  it("takes a public path that can't be mistaken for an own one", () => {
    for (const path of ["/marimba", "/tools/marimba-2", "/~me/jobs"])
      expect(loadConfig({ PUBLIC_PATH: path }).publicPath).toBe(path);
    const { paths } = JSON.parse(readFileSync(join(PACKAGE_ROOT, "openapi/openapi.json"), "utf8"));
    const own = [...Object.keys(paths), "/docs/json", "/playground/main.js", "/favicon.ico", "/admin/queues"];
    for (const wrong of [
      "marimba",
      "/marimba/",
      "/",
      "//marimba",
      "/../x",
      "/a?b",
      "http://x/marimba",
      ...own.map((path) => path.match(/^\/[^/]+/)![0]),
    ])
      expect(problemsOf({ PUBLIC_PATH: wrong }), wrong).toEqual([
        expect.stringMatching(/^PUBLIC_PATH is ".+"; it must be a path such as \/marimba/),
      ]);
  });

  it("reads true, false, 1 and 0 for settings that are on or off, and nothing else", () => {
    const read = (text: string) => loadConfig({ ALLOW_ANONYMOUS: text }).allowAnonymous;
    expect(["true", "1", "false", "0", ""].map(read)).toEqual([true, true, false, false, false]);
    for (const wrong of ["yes", "2", "on", "constructor"]) {
      expect(problemsOf({ ACCEPT_DURABLE: wrong })).toEqual([
        `ACCEPT_DURABLE is "${wrong}"; it must be true or false.`,
      ]);
    }
  });

  it.each(["1e3", "0x10", "1.5", "-1", "8080 ports", "NaN", "99999999999999999999"])("refuses PORT=%s", (value) => {
    expect(problemsOf({ PORT: value })).toHaveLength(1);
  });
});

describe("describeConfig", () => {
  it("has a row with a sentence for each variable", () => {
    const rows = describeConfig();
    expect(rows.map(({ variable }) => variable)).toContain("MAX_QUEUED_IMAGES");
    for (const row of rows) expect(row.description, row.variable).toMatch(/^[A-Z].*\.$/);
    expect(rows.find(({ variable }) => variable === "MODELS_DIR")?.defaultValue).toBe("models");
  });

  it("is what docs/configuration.md says", () => {
    const page = readFileSync(join(PACKAGE_ROOT, "docs/configuration.md"), "utf8");
    const table = describeConfig().map(({ variable, defaultValue, accepts, description }) => {
      return `| \`${variable}\` | ${defaultValue && `\`${defaultValue}\``} | ${accepts} | ${description} |`;
    });
    expect(page.split("\n").filter((line) => line.startsWith("| `"))).toEqual(table);
  });
});
