import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, readdir, rename, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { openPromise } from "yauzl";
import { checkCuda, missingForCuda, PROVIDER_FILES, providerFolder } from "../engine/runtime/cuda.js";
import { checkWebgpu } from "../engine/runtime/webgpu.js";
import { makeFolder } from "../files/make-folder.js";
import { readArguments, UsageError } from "./command-line.js";

/**
 * The package on PyPI that contains ONNX Runtime's CUDA provider, in the version of onnxruntime-node, built for CUDA 13.
 * Only two of its libraries are used, which do not depend on the version of Python.
 */
export const WHEEL = {
  package: "onnxruntime-gpu==1.30.0",
  platform: ["--python-version=3.11", "--implementation=cp", "--abi=cp311", "--platform=manylinux_2_28_x86_64"],
  sha256: "4fbf0c5d7b5fb99266c2e8a802e3e64af68bdc383e0f3c7349b985f1087eedaa",
} as const;
/** Of one library, unpacked: 1.30.0's has 272 MB. */
const MAX_LIBRARY_BYTES = 1_000_000_000;

export const usage = `marimba gpu: prepares and checks GPUs

  marimba gpu install
  marimba gpu check

  install is for NVIDIA GPUs on Linux x64. It puts ONNX Runtime's CUDA provider beside ONNX Runtime: it downloads ${WHEEL.package} from PyPI with pip (250 MB),
  verifies its SHA-256 and extracts two libraries. It runs nothing from the package. Then it prints what else is missing.

  --into DIR         put the libraries into this folder, and only link to them
  --wheel FILE       use this file, which was downloaded elsewhere, and no network
  --python COMMAND   the Python whose pip downloads (default: python3)

  check opens a small session on a GPU, and reports in one sentence whether that works.

  --provider NAME    cuda or webgpu (default: cuda)
  --device N         which GPU, for cuda (default: 0)
  --without-driver   check CUDA's libraries only, for example when an image is built on a machine without a GPU
`;

/** Runs `marimba gpu`; returns the exit code. */
export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = readArguments({
    args: argv,
    allowPositionals: true,
    options: {
      into: { type: "string" },
      wheel: { type: "string" },
      python: { type: "string" },
      provider: { type: "string" },
      device: { type: "string" },
      "without-driver": { type: "boolean" },
    },
  });
  const [action, ...rest] = positionals;
  const { into, wheel, python, provider, device, "without-driver": withoutDriver } = values;
  const ofCuda = { device, "without-driver": withoutDriver };
  if (rest.length > 0 || (action !== "install" && action !== "check"))
    throw new UsageError("Usage: marimba gpu install, or marimba gpu check.");
  const [unfit] = Object.entries(
    action === "install" ? { provider, ...ofCuda } : { into, wheel, python, ...(provider === "webgpu" ? ofCuda : {}) },
  )
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name);
  const wanted = provider === "webgpu" ? `${action} --provider webgpu` : action;
  if (unfit !== undefined) throw new UsageError(`marimba gpu ${wanted} has no option --${unfit}.`);
  if (action === "install") return install(into, wheel, python);
  if (provider === "webgpu") return report(checkWebgpu(), "ONNX Runtime can use a GPU through WebGPU.");
  if (provider !== undefined && provider !== "cuda") throw new UsageError("--provider must be cuda or webgpu.");
  return check(device, withoutDriver);
}

async function check(device = "0", withoutDriver = false): Promise<number> {
  if (!/^\d{1,4}$/.test(device)) throw new UsageError("--device must be the number of a GPU, such as 0.");
  if (!withoutDriver) return report(checkCuda(Number(device)), `ONNX Runtime can use CUDA device ${device}.`);
  const libraries = missingForCuda({ driver: false }).then((missing) => {
    if (missing !== undefined) throw new Error(missing);
  });
  return report(libraries, "All libraries for CUDA are here.");
}

/** Prints `works` or, where the check rejects, its sentence. Returns the exit code. */
async function report(check: Promise<void>, works: string): Promise<number> {
  try {
    await check;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return 1;
  }
  process.stdout.write(`${works}\n`);
  return 0;
}

async function install(into: string | undefined, wheel: string | undefined, python = "python3"): Promise<number> {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new UsageError(`CUDA needs Linux on x64; this is ${process.platform} on ${process.arch}.`);
  const beside = providerFolder();
  const folder = into === undefined ? beside : resolve(into);
  await makeFolder(folder); // Before the download, which takes minutes.
  const scratch = await mkdtemp(join(tmpdir(), "marimba-gpu-"));
  try {
    const file = wheel ?? (await download(python, scratch));
    await verify(file);
    await extract(file, folder);
  } finally {
    await rm(scratch, { recursive: true, force: true });
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

/** Returns the path of the downloaded wheel. */
async function download(python: string, folder: string): Promise<string> {
  process.stderr.write(`Downloading ${WHEEL.package} with ${python} -m pip ...\n`);
  const choice = ["--no-deps", "--only-binary=:all:", ...WHEEL.platform];
  const pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", ...choice];
  try {
    await promisify(execFile)(python, [...pip, "--dest", folder, WHEEL.package]);
  } catch (error) {
    const { code, stderr = "" } = error as { code?: unknown; stderr?: string };
    if (code === "ENOENT")
      throw new UsageError(
        `There is no ${python}, whose pip downloads the libraries; --python names another, and --wheel a file that is here.`,
      );
    throw new UsageError(`pip could not download ${WHEEL.package}: ${stderr.trim().split("\n").at(-1)}`);
  }
  const [file] = await readdir(folder);
  return join(folder, file!);
}

async function verify(file: string): Promise<void> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  const found = hash.digest("hex");
  if (found !== WHEEL.sha256)
    throw new UsageError(`${file} is not the expected ${WHEEL.package}: its SHA-256 is ${found}, not ${WHEEL.sha256}.`);
}

/** Writes each library under another name first, so that nobody loads half of one. */
async function extract(file: string, folder: string): Promise<void> {
  const zip = await openPromise(file, { autoClose: false });
  try {
    const wanted = new Set<string>(PROVIDER_FILES.map((name) => `onnxruntime/capi/${name}`));
    for await (const entry of zip.eachEntry()) {
      if (!wanted.delete(entry.fileName)) continue;
      if (entry.uncompressedSize > MAX_LIBRARY_BYTES) throw new UsageError(`${entry.fileName} is too large.`);
      const path = join(folder, entry.fileName.split("/").at(-1)!);
      await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(`${path}.part`, { mode: 0o644 }));
      await rename(`${path}.part`, path);
    }
    if (wanted.size > 0) throw new UsageError(`${file} contains no ${[...wanted].join(" and no ")}.`);
  } finally {
    zip.close();
  }
}
