import { createRequire } from "node:module";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { PACKAGE_ROOT } from "../../files/package.js";
import { providerFolder } from "./cuda.js";
import type { Tensors } from "./runtime.js";
import type { Feeds, OpenGraph } from "./webgpu.js";

/** What the CPU can do and the operating system lets it do. */
export interface CpuFeatures {
  /** AVX-512 F, BW, DQ, VL and VNNI: the least that our operators need. */
  readonly avx512vnni: boolean;
  readonly avx512bf16: boolean;
  readonly amxInt8: boolean;
  readonly amxBf16: boolean;
}

/** A session of the addon's. Only the thread that opened it can use it; at the end of the thread it is released. */
declare const session: unique symbol;
export type AddonSession = object & { readonly [session]: true };

/** The functions of kernels/binding.cc, which throw an error for whatever is wrong. */
export interface Addon {
  /** Opens a model with ONNX Runtime's library at that path, which must be the same one in the whole process. */
  open(
    library: string,
    model: Uint8Array,
    options: {
      /** Threads inside one operator: 1 to 1,024. */
      readonly threads: number;
      /** Keys and values of onnxruntime_session_options_config_keys.h. */
      readonly entries: Readonly<Record<string, string>>;
      /** Path prefix of the profile. */
      readonly profile?: string;
    },
  ): AddonSession;
  /** Blocks the thread. Inputs are not copied; outputs are. */
  run(session: AddonSession, inputs: Tensors): Tensors;
  endProfiling(session: AddonSession): void;
  release(session: AddonSession): void;
  cpu(): CpuFeatures;
  /** `kernelsStamp` of the sources that it was built from. */
  readonly stamp: string;
}

/** Our own operators for ONNX Runtime, in the addon that runs graphs with them. */
export interface Kernels {
  readonly addon: Addon;
  /** ONNX Runtime's library, the one that onnxruntime-node uses. */
  readonly library: string;
}

let loaded: { readonly kernels?: Kernels; readonly trouble?: string } | undefined;

/**
 * Our operators where they can run: on Linux x64, on a CPU with AVX-512 VNNI and bfloat16; elsewhere undefined. With AMX, ONNX
 * Runtime's own products run on tiles, which ours don't use. Never throws.
 */
export function loadKernels(): Kernels | undefined {
  loaded ??= load();
  return loaded.kernels;
}

/** Why the addon can't be loaded on Linux x64. Without it, int8 models take longer, and their images have other bytes. */
export function kernelsTrouble(): string | undefined {
  loaded ??= load();
  return loaded.trouble;
}

function load(): NonNullable<typeof loaded> {
  if (process.platform !== "linux" || process.arch !== "x64") return {};
  try {
    const addon: Addon = createRequire(import.meta.url)(join(PACKAGE_ROOT, "kernels/linux-x64/marimba.node"));
    const cpu = addon.cpu();
    if (!cpu.avx512vnni || !cpu.avx512bf16 || cpu.amxInt8) return {};
    return { kernels: { addon, library: join(providerFolder(), "libonnxruntime.so.1") } };
  } catch (error) {
    // The file is missing, or the system's C library is too old or another one.
    return { trouble: (error as Error).message.split("\n")[0]! };
  }
}

/** A graph with our operators. */
export class KernelSession implements OpenGraph {
  private constructor(
    private readonly addon: Addon,
    private readonly session: AddonSession,
  ) {}

  /** Opens a graph with the options that onnxruntime-node would be given (session-options.ts). */
  static open(model: Uint8Array, options: InferenceSession.SessionOptions): KernelSession {
    const kernels = loadKernels();
    if (!kernels) throw new Error("Marimba's own operators can't run on this machine.");
    const session = kernels.addon.open(kernels.library, model, {
      threads: options.intraOpNumThreads!,
      entries: Object.fromEntries(flatten(options.extra ?? {})),
      ...(options.enableProfiling && { profile: options.profileFilePrefix! }),
    });
    return new KernelSession(kernels.addon, session);
  }

  async run(feeds: Feeds): Promise<Record<string, Pick<OrtTensor, "data" | "dims">>> {
    // As onnxruntime-node does it: between runs, the thread hears its messages.
    await setImmediate();
    const inputs = Object.entries(feeds).map(([name, { data, dims }]) => [name, { data, shape: dims }]);
    const outputs = Object.entries(this.addon.run(this.session, Object.fromEntries(inputs)));
    return Object.fromEntries(outputs.map(([name, { data, shape }]) => [name, { data, dims: shape }]));
  }

  endProfiling(): void {
    this.addon.endProfiling(this.session);
  }

  async release(): Promise<void> {
    this.addon.release(this.session);
  }
}

/** `{ session: { intra_op: { allow_spinning: "1" } } }` as entries such as `session.intra_op.allow_spinning`. */
function* flatten(extra: object, prefix = ""): Generator<[string, string]> {
  for (const [key, value] of Object.entries(extra)) {
    if (typeof value === "object") yield* flatten(value, `${prefix}${key}.`);
    else yield [`${prefix}${key}`, String(value)];
  }
}
