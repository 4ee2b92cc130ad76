// Compiles the addon to kernels/linux-x64/marimba.node, which is committed: users need no compiler. Run it with g++ 12 on
// Linux x64 after every change of a file in this folder:
//   npm run kernels -- --headers DIR
// DIR is the folder `include` of one of ONNX Runtime's releases for Linux (github.com/microsoft/onnxruntime/releases), or
// `include/onnxruntime/core/session` of its repository, of a version whose ORT_API_VERSION onnxruntime-node knows.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { include_dir as nodeHeaders } from "node-api-headers";
import { kernelsStamp } from "../scripts/is-built.js";

/** The newest version of each library's symbols that the addon may need: what Debian 10 and RHEL 8 have, as Node.js 20 does. */
const NEWEST = { GLIBC: "2.28", GLIBCXX: "3.4.25", CXXABI: "1.3.11", GCC: "7.0.0" };
const COMPILE = [
  "-std=c++17",
  "-O3",
  // Every CPU may load the file; functions that need more say so themselves (operators.h).
  "-march=x86-64",
  "-mtune=generic",
  "-fPIC",
  "-fvisibility=hidden",
  "-fvisibility-inlines-hidden",
  "-fno-gnu-unique",
  "-fstack-protector-strong",
  "-D_FORTIFY_SOURCE=2",
  "-DNDEBUG",
  "-Wall",
  "-Wextra",
  "-Werror",
  // GCC 12 says this of its own AVX-512 header (bug 105593).
  "-Wno-uninitialized",
  "-Wno-maybe-uninitialized",
];
const LINK = [
  "-shared",
  "-s",
  "-Wl,-z,now,-z,relro,-z,noexecstack",
  // Node.js unloads an addon with the last thread that has loaded it, but library.cc and operators.cc keep things for good.
  "-Wl,-z,nodelete",
  "-Wl,--as-needed,--gc-sections,--exclude-libs,ALL",
];

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const target = join(root, "kernels/linux-x64/marimba.node");
const { values } = parseArgs({ options: { headers: { type: "string" } } });
if (values.headers === undefined) fail("--headers DIR is missing: where ONNX Runtime's headers are.");
const ortHeaders = ["onnxruntime/core/session", "onnxruntime", "."]
  .map((path) => join(values.headers, path))
  .find((path) => existsSync(join(path, "onnxruntime_cxx_api.h")));
if (ortHeaders === undefined) fail(`${values.headers} has no onnxruntime_cxx_api.h.`);

const folder = mkdtempSync(join(tmpdir(), "marimba-kernels-"));
try {
  const includes = ["-isystem", ortHeaders, "-isystem", nodeHeaders, `-DMARIMBA_STAMP="${kernelsStamp(root)}"`];
  const sources = readdirSync(join(root, "kernels")).filter((name) => name.endsWith(".cc"));
  const objects = sources.map((name) => join(folder, `${name}.o`));
  await Promise.all(
    sources.map((name, i) => compiler([...COMPILE, ...includes, "-c", join(root, "kernels", name), "-o", objects[i]])),
  );
  objects.forEach(checkShared);
  const exported = join(folder, "exports");
  writeFileSync(exported, "{ global: napi_register_module_v1; node_api_module_get_api_version_v1; local: *; };\n");
  const linked = join(folder, "marimba.node");
  await compiler([...LINK, `-Wl,--version-script=${exported}`, ...objects, "-o", linked]);
  checkVersions(linked);
  mkdirSync(dirname(target), { recursive: true });
  // Beside the target first: a process that has loaded the old file keeps it.
  const beside = `${target}.new`;
  execFileSync("cp", [linked, beside]);
  renameSync(beside, target);
} finally {
  rmSync(folder, { recursive: true });
}

async function compiler(args) {
  const [status] = await once(spawn("g++", args, { stdio: "inherit" }), "close");
  if (status !== 0) fail("g++ failed.");
}

/**
 * Inline functions of the standard library and of ONNX Runtime are in many objects, and the linker keeps one of each: none
 * may need a newer CPU. Nor may what runs when the file is loaded.
 */
function checkShared(object) {
  const symbols = execFileSync("nm", [object], { encoding: "utf8" });
  const shared = new Set(
    [...symbols.matchAll(/ (?:[WVuw] (?!\S*marimba)|t (?=_GLOBAL__))(\S+)$/gm)].map(([, name]) => name),
  );
  const code = execFileSync("objdump", ["-d", "--no-show-raw-insn", object], { encoding: "utf8", maxBuffer: 2 ** 30 });
  for (const [, name, instructions] of code.matchAll(/^[0-9a-f]+ <(\S+)>:\n((?:.+\n?)*)/gm))
    if (shared.has(name) && /\t(v[a-z]+|k[a-z]+|tile[a-z]+|tdp[a-z]+) /.test(instructions))
      fail(`${name} needs AVX in ${basename(object)}: operators.h says how to compile such functions.`);
}

/** Older systems refuse a library that needs newer symbols than theirs. */
function checkVersions(file) {
  const symbols = execFileSync("objdump", ["-T", file], { encoding: "utf8" });
  for (const [, library, version, name] of symbols.matchAll(/\((\w+?)_([\d.]+)\)\s+(\S+)/g)) {
    if (NEWEST[library] !== undefined && version.localeCompare(NEWEST[library], "en", { numeric: true }) > 0)
      fail(`${name} needs ${library}_${version}, which is newer than ${NEWEST[library]}.`);
  }
}

/** @returns {never} */
function fail(message) {
  throw new Error(message);
}
