import { checkCuda, missingForCuda } from "../engine/runtime/cuda.js";
import { checkWebgpu } from "../engine/runtime/webgpu.js";
import { readArguments, UsageError } from "./command-line.js";
import { install, WHEEL } from "./gpu-install.js";
import { interruptible } from "./services/signals.js";

export const usage = `marimba gpu: prepares and checks GPUs

  marimba gpu install
  marimba gpu check

  install is for NVIDIA GPUs on Linux x64. It puts ONNX Runtime's CUDA provider beside ONNX Runtime: it downloads ${WHEEL.package} from PyPI with pip (250 MB),
  verifies its SHA-256 and extracts two libraries. It runs nothing from the package, and downloads nothing if these libraries
  are there already. Then it prints what else is missing.

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
  for (const [name, value] of Object.entries({ into, wheel, python }))
    if (value === "") throw new UsageError(`--${name} must not be empty.`);
  if (action === "install") return interruptible((signal) => install(into, wheel, python, signal));
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
