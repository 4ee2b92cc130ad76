// The Python packages that the tests use, in virtual environments inside node_modules: `npm test` makes one, and makes it
// anew when test/python/requirements.txt has changed. `node scripts/python.js` makes it alone. The tests of training/ have
// another one, which `npm run test:training` makes.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const cache = join(root, "node_modules/.cache");

/** Schemathesis needs it. */
const LEAST_MINOR = 11;

/** The environments by name, each with its requirements. */
const REQUIREMENTS = { python: "test/python/requirements.txt", training: "training/requirements.txt" };

/** The folder of the environment for the present requirements; it is complete where `isComplete` says so. */
export function pythonEnvironment(name = "python") {
  const requirements = readFileSync(join(root, REQUIREMENTS[name]));
  const hash = createHash("sha256").update(requirements).digest("hex").slice(0, 12);
  const folder = join(cache, `${name}-${hash}`);
  return { folder, python: join(folder, "bin/python"), isComplete: existsSync(join(folder, "complete")) };
}

/** Whether the environment is there now; says why not. */
export function ensurePythonEnvironment(name = "python") {
  const { folder, python, isComplete } = pythonEnvironment(name);
  if (isComplete) return true;
  if (!hasPython()) return false;
  mkdirSync(cache, { recursive: true });
  for (const old of readdirSync(cache)) if (old.startsWith(`${name}-`)) rmSync(join(cache, old), { recursive: true });
  const pip = [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--only-binary=:all:",
    "-r",
    join(root, REQUIREMENTS[name]),
  ];
  const isMade = run("python3", ["-m", "venv", folder]) && run(python, pip);
  if (isMade) writeFileSync(join(folder, "complete"), "");
  else console.error(`The Python packages of ${REQUIREMENTS[name]} could not be installed; see above.`);
  return isMade;
}

/** Debian's python3 comes without what `python3 -m venv` needs. */
export function hasVenv() {
  return spawnSync("python3", ["-c", "import ensurepip, venv"]).status === 0;
}

function hasPython() {
  const { status, stdout } = spawnSync("python3", ["-c", "import sys; print(*sys.version_info[:2])"], {
    encoding: "utf8",
  });
  const [major, minor] = (stdout ?? "").trim().split(" ").map(Number);
  if (status === 0 && major === 3 && minor >= LEAST_MINOR && hasVenv()) return true;
  const found = status === 0 ? `Python ${major}.${minor}${hasVenv() ? "" : " without venv"}` : "no python3";
  console.error(`The tests need Python 3.${LEAST_MINOR} or newer with venv; there is ${found}.`);
  return false;
}

function run(command, args) {
  return (
    spawnSync(command, args, { stdio: "inherit", env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" } }).status === 0
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(ensurePythonEnvironment() ? 0 : 1);
