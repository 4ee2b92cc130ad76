import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** What `npm run load` prints; it runs on processes of its own, as users run it. */
async function load(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const all = ["--import", path("../../bench/typescript.js"), path("main.ts"), ...args];
  const child = spawn(process.execPath, all, { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  const [code] = (await once(child, "close")) as [number];
  return { code, stdout, stderr };
}

/** Longer than it takes on a machine that does much else. */
describe("npm run load", { timeout: 240_000 }, () => {
  it("measures the service without an engine beside the skeleton, and every request gets its image", async () => {
    const { code, stdout, stderr } = await load("null", "--quick");
    expect(stderr).not.toMatch(/Error/);
    expect(code).toBe(0);
    const row = /^\| Marimba 1 +\| +([\d.]+) \|.*\| +(\d+) \| +(\d+) \| +1\.0 \|/m.exec(stdout);
    expect(row?.slice(2), stdout).toEqual(["0", "0"]);
    expect(Number(row![1])).toBeGreaterThan(0);
    expect(stdout).toMatch(/^\| Skeleton 1 /m);
  });

  it("counts the final events of many streams", async () => {
    const { code, stdout } = await load("streams", "--quick");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^- 100 of 100 streams ended with their final event/m);
  });

  it("finds every number that the service tells Prometheus equal to what its clients counted", async () => {
    const { code, stdout, stderr } = await load("metrics", "--quick");
    expect(code, stdout + stderr).toBe(0);
    const numbers = /^- (\d+) of (\d+) numbers agree exactly\.$/m.exec(stdout);
    expect(numbers?.[1]).toBe(numbers?.[2]);
    for (const row of [
      "images made",
      "requests answered 200",
      "requests answered 202",
      "refused or failed: unknown_class",
    ])
      expect(stdout).toMatch(new RegExp(`^\\| ${row}.*\\| +[1-9]\\d* \\| +yes \\|$`, "m"));
    for (const state of ["completed", "failed", "cancelled"])
      expect(stdout).toMatch(new RegExp(`^\\| jobs ${state}, as API 2.*\\| +[1-9]\\d* \\| +yes \\|$`, "m"));
  });

  it("names a scenario that it does not know", async () => {
    const { code, stderr } = await load("nul");
    expect(code).toBe(2);
    expect(stderr).toMatch(/There is no scenario "nul"/);
  });
});
