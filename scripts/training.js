// Runs the tests of training/, in a virtual environment with PyTorch that is made first. Arguments go to unittest.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePythonEnvironment, pythonEnvironment } from "./python.js";

const cwd = join(fileURLToPath(import.meta.url), "../..");
if (!ensurePythonEnvironment("training")) process.exit(1);
const tests = process.argv.length > 2 ? process.argv.slice(2) : ["discover", "-s", "training/tests", "-t", "."];
const { python } = pythonEnvironment("training");
const { status } = spawnSync(python, ["-m", "unittest", ...tests], { cwd, stdio: "inherit" });
process.exit(status ?? 1);
