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
