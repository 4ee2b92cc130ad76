// npm test [-- ARGUMENTS OF VITEST]: the whole check, as CI runs it. It installs what the machine lacks, then checks formatting,
// lint, import directions and types, builds, and runs every test. `--fast` (npm run test:fast) installs nothing and leaves out
// the slow tests that vitest.config.ts lists. The last line is `N passed, N failed`.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseCLI, startVitest } from "vitest/node";
import { missingContainerPackages, whyNoContainer } from "./podman.js";
import { ensurePythonEnvironment, hasVenv } from "./python.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);

/** Debian keeps servers in /usr/sbin, which only root's PATH has. */
const onPath = (program) =>
  `${process.env.PATH ?? ""}${delimiter}/usr/sbin`
    .split(delimiter)
    .some((folder) => folder && existsSync(join(folder, program)));

/** Where Debian and others keep libraries. */
const LIBRARIES = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];

/** Debian packages the tests need, and what shows that each is there. */
const SYSTEM_PACKAGES = [
  { name: "libvulkan1", isThere: () => LIBRARIES.some((folder) => existsSync(join(folder, "libvulkan.so.1"))) },
  { name: "git", isThere: () => onPath("git") },
  { name: "curl", isThere: () => onPath("curl") },
  { name: "chromium", isThere: () => ["chromium", "chromium-browser", "google-chrome"].some(onPath) },
  // Debian's second program of Chromium: it has no windows, and takes less than half of the processor time.
  {
    name: "chromium-headless-shell",
    isThere: () => ["chromium-headless-shell", "chromium-browser", "google-chrome"].some(onPath),
  },
  { name: "faketime", isThere: () => onPath("faketime") },
  { name: "openssl", isThere: () => onPath("openssl") },
  { name: "redis-server", isThere: () => onPath("redis-server") },
  { name: "nginx", isThere: () => onPath("nginx") },
  { name: "caddy", isThere: () => onPath("caddy") },
  { name: "haproxy", isThere: () => onPath("haproxy") },
  { name: "prometheus", isThere: () => ["prometheus", "promtool"].every(onPath) },
  { name: "python3", isThere: () => onPath("python3") },
  { name: "python3-venv", isThere: hasVenv },
];

function run(title, command, args, env = {}) {
  console.log(`\n> ${title}`);
  const result = spawnSync(command, args, { cwd: root, stdio: "inherit", env: { ...process.env, ...env } });
  if (result.error) console.error(result.error.message);
  return result.status === 0;
}

function installSystemPackages() {
  const missing = SYSTEM_PACKAGES.filter(({ isThere }) => !isThere()).map(({ name }) => name);
  const isRoot = process.getuid?.() === 0;
  // Only root can start the containers of the tests.
  if (isRoot && onPath("apt-get")) missing.push(...missingContainerPackages());
  if (missing.length === 0) return true;
  const asRoot = isRoot ? [] : onPath("sudo") ? ["sudo", "-n"] : undefined;
  const byHand = `install ${missing.join(" and ")} (Debian: apt-get install ${missing.join(" ")}) and run the tests again`;
  if (!asRoot || !onPath("apt-get")) {
    console.error(`The tests need ${missing.join(" and ")}, which this machine lacks: ${byHand}.`);
    return false;
  }
  const apt = (...args) => [...asRoot, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...args];
  const [command, ...update] = apt("update", "-qq");
  run("refresh the package lists", command, update);
  const [again, ...install] = apt("install", "-y", "-qq", "--no-install-recommends", ...missing);
  if (run(`install ${missing.join(", ")}`, again, install)) return true;
  console.error(`Could not install ${missing.join(" and ")}: ${byHand}.`);
  return false;
}

const bin = (name, file) => join(dirname(require.resolve(`${name}/package.json`)), file);
const checks = [
  ["formatting, lint and import directions", bin("@biomejs/biome", "bin/biome"), ["check", "--error-on-warnings", "."]],
  ["types", bin("typescript", "bin/tsc"), ["-p", "tsconfig.json"]],
  ["build", join(root, "scripts/build.js"), []],
];

/** Starts a check: it runs beside the others and beside what installs packages. */
function start([title, script, args]) {
  const child = spawn(process.execPath, [script, ...args], { cwd: root });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  const ended = once(child, "close").then(([code]) => ({ isRight: code === 0, output: output.trim() }));
  return { title, child, ended };
}

const isFast = process.argv.includes("--fast");
let passed = 0;
let failed = 0;
const count = (ok) => {
  if (ok) passed += 1;
  else failed += 1;
};

const started = checks.map(start);
if (!isFast) {
  console.log("\n> packages of the tests");
  if (!installSystemPackages() || !ensurePythonEnvironment()) {
    for (const { child } of started) child.kill();
    process.exit(1);
  }
  const obstacle = whyNoContainer();
  if (!obstacle) process.env.CONTAINER = "short";
  else console.log(`\n> no containers: only the Dockerfile's steps are run, in a folder. ${obstacle}`);
}
for (const { title, ended } of started) {
  const { isRight, output } = await ended;
  console.log(`\n> ${title}\n${output}`);
  count(isRight);
}

console.log("\n> tests");
process.env.TEST_FAST = String(isFast);
const rest = process.argv.slice(2).filter((argument) => argument !== "--fast");
const { filter, options } = parseCLI(["vitest", "run", ...rest]);
const { state } = await startVitest("test", filter, { ...options, root });
for (const module of state.getTestModules()) {
  // A file that could not be loaded holds no test that failed.
  failed += module.errors().length;
  // A skipped test proves nothing.
  for (const test of module.children.allTests()) count(test.result().state === "passed");
}
failed += state.getUnhandledErrors().length;
if (process.exitCode && failed === 0) failed += 1;
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
