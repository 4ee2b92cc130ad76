import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { VERSION } from "../../src/files/package.js";
import { describeMachine } from "../machine.js";
import type { GpuOptions } from "./options.js";

const execute = promisify(execFile);

export interface Machine {
  /** What results must have in common to be resumed: Marimba's version and commit, the provider, its device and driver. */
  readonly measured: string;
  readonly facts: readonly string[];
  /** LD_LIBRARY_PATH for Marimba, so that ONNX Runtime finds CUDA and cuDNN. */
  readonly libraries: string;
  /** Why PyTorch can't run here. */
  readonly withoutPyTorch?: string;
}

/** What Python says of itself, of PyTorch, and of NVIDIA's libraries that came with it. */
const PROBE = `
import glob, json, os, sys
sys.path.append(sys.argv[1])
import torch
versions, broken = f"Python {sys.version.split()[0]}, torch {torch.__version__}", None
try:
    import numpy, scipy, timm, tqdm
    versions += f", timm {timm.__version__}"
except Exception as error:
    broken = f"{type(error).__name__}: {error}"
folder = os.path.dirname(os.path.dirname(torch.__file__))
print(json.dumps({
    "versions": versions,
    "broken": broken,
    "cuda": torch.version.cuda or "",
    "libraries": glob.glob(os.path.join(folder, "nvidia", "*", "lib")),
}))
`;

interface Python {
  readonly versions: string;
  /** Why the packages of the authors' code can't be imported. */
  readonly broken: string | null;
  readonly cuda: string;
  readonly libraries: readonly string[];
}

export async function lookAround(options: GpuOptions): Promise<Machine> {
  const facts = describeMachine();
  const device = options.provider === "cuda" ? await describeGpu() : facts[0];
  const measured = `Marimba ${VERSION} (commit ${process.env.MARIMBA_COMMIT}), provider ${options.provider}, ${device}`;
  try {
    const { stdout } = await execute(options.python, ["-c", PROBE, options.packages]);
    const { versions, broken, cuda, libraries } = JSON.parse(stdout) as Python;
    facts.push(versions);
    // The same libraries for both sides, if they fit ONNX Runtime.
    const fitting = cuda.startsWith("13") ? libraries : packedLibraries(options);
    return { measured, facts, libraries: withInherited(fitting), ...missingCode(options, broken) };
  } catch (error) {
    const { code, stderr = "" } = error as { code?: unknown; stderr?: string };
    const reason = code === "ENOENT" ? `there is no ${options.python}` : stderr.trim().split("\n").at(-1);
    const withoutPyTorch = cannotRun(options.python, reason);
    return { measured, facts, libraries: withInherited(packedLibraries(options)), withoutPyTorch };
  }
}

const cannotRun = (python: string, reason = "no reason is known") =>
  `PyTorch, because ${python} can't run the authors' code: ${reason}.`;

/** Of the first GPU. */
async function describeGpu(): Promise<string> {
  const query = ["--id=0", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"];
  const { stdout } = await execute("nvidia-smi", query).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw new Error("There is no nvidia-smi here, which comes with NVIDIA's driver.");
    throw new Error(`nvidia-smi finds no GPU here: ${error.message.trim().split("\n").at(-1)}`);
  });
  const [name, memory, driver] = stdout.trim().split(", ");
  return `GPU: ${name}, ${memory}, driver ${driver}`;
}

function missingCode({ official, python }: GpuOptions, broken: string | null): Pick<Machine, "withoutPyTorch"> {
  if (broken !== null) return { withoutPyTorch: cannotRun(python, broken) };
  if (existsSync(join(official, "models/mar.py"))) return {};
  return {
    withoutPyTorch: `PyTorch, because ${official} is no checkout of github.com/LTH14/mar; --official names one.`,
  };
}

/** NVIDIA's wheels, as pip unpacks them. */
function packedLibraries({ cudaLibraries }: GpuOptions): string[] {
  const folder = join(cudaLibraries, "nvidia");
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name, "lib")) : [];
}

function withInherited(folders: readonly string[]): string {
  return [...folders, ...(process.env.LD_LIBRARY_PATH ? [process.env.LD_LIBRARY_PATH] : [])].join(":");
}
