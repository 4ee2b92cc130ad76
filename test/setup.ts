import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Builds dist/ once per test run: worker threads and child processes can't load TypeScript. */
export default function setup(): void {
  const script = fileURLToPath(new URL("../scripts/build.js", import.meta.url));
  const built = spawnSync(process.execPath, [script], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(`The build that the tests need failed:\n${built.stdout}${built.stderr}`);
}
