import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { exampleKey } from "../api/access/example-keys.js";
import { Marimba } from "../commands/marimba.js";
import { testPython } from "../python/environment.js";

/** `npm run contract` is the long form, and takes minutes. */
const IS_LONG = process.env.CONTRACT === "long";
const { casesAnOperation, leastCases } = IS_LONG
  ? { casesAnOperation: 300, leastCases: 2000 }
  : { casesAnOperation: 10, leastCases: 200 };
const SEED = process.env.CONTRACT_SEED ?? "1";
/** An unmatched prompt is a 400 though its text fits the schema, and a cancelled job stays readable. */
const LEFT_OUT = "positive_data_acceptance,use_after_free";
const TIME_MS = 1_800_000;

interface Report {
  readonly passed: boolean;
  readonly output: string;
}

/** Schemathesis in a temporary folder, since it writes what it finds into `.schemathesis` where it runs. */
async function schemathesis(program: string, args: readonly string[]): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), "marimba-contract-"));
  const config = fileURLToPath(new URL("./schemathesis.toml", import.meta.url));
  const options = { cwd: folder, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, NO_COLOR: "1" } };
  try {
    return await new Promise((resolve) => {
      execFile(program, ["--config-file", config, ...args], options, (error, stdout, stderr) =>
        resolve({ passed: !error, output: stdout + stderr }),
      );
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe("Schemathesis finds nothing in the service that contradicts its /openapi.json", () => {
  // Without keys fewer things can be wrong.
  it.each([["with a key", true], ...(IS_LONG ? [["without keys", false] as const] : [])] as const)(
    "%s",
    { timeout: TIME_MS },
    async (_, asksForKey) => {
      const { key, line } = exampleKey("contract");
      // Waits are short: what they end in is a part of the contract, how long they take is not.
      const bounds = { ENGINE: "null", MODELS: "demo", LOG_LEVEL: "warn", SYNC_TIMEOUT_S: "5" };
      const program = join(dirname(testPython()), "schemathesis");
      const marimba = new Marimba(["serve"], { ...bounds, ...(asksForKey && { API_KEYS: line }) });
      const address = await marimba.address();
      const report = await schemathesis(program, [
        "run",
        `${address}/openapi.json`,
        ...["--exclude-checks", LEFT_OUT, "--continue-on-failure", "--workers", "2"],
        ...["--max-examples", String(casesAnOperation), "--seed", SEED],
        ...(asksForKey ? ["--header", `Authorization: Bearer ${key}`] : []),
      ]);
      marimba.kill("SIGTERM");
      const { stderr } = await marimba.ended;
      const summary = /^Test cases:\n +([\d,]+) generated.*$/m.exec(report.output);
      console.log(`${asksForKey ? "with a key" : "without keys"}: ${summary?.[0].replace(/\s+/g, " ")}`);
      expect(report.passed, report.output).toBe(true);
      for (const folder of [".schemathesis", ".hypothesis"]) expect(existsSync(folder), folder).toBe(false);
      expect(Number(summary![1]!.replaceAll(",", ""))).toBeGreaterThanOrEqual(leastCases);
      // A warning is the engine's own; an error would be a 500 that was told as something else.
      expect(stderr).not.toMatch(/"level":[56]0/);
    },
  );
});
