import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Once per test run: builds dist/, since worker threads and child processes can't load TypeScript, and gives all tests one
 * temporary folder. What a test, or a process that it killed, leaves there goes at the end.
 */
export default function setup(): () => void {
  const script = fileURLToPath(new URL("../scripts/build.js", import.meta.url));
  const built = spawnSync(process.execPath, [script], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(`The build that the tests need failed:\n${built.stdout}${built.stderr}`);
  const folder = mkdtempSync(join(tmpdir(), "marimba-"));
  // Some tests start programs as another user, who has to come through.
  chmodSync(folder, 0o711);
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
