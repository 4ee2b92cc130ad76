import { readFileSync } from "node:fs";

/** The functions of floats.wat, which says what they do. */
export interface FloatFunctions {
  largest(value: number, end: number): number;
  add(value: number, end: number, word: number, shift: number, perValue: number): void;
  store(word: number, bytes: number, target: number, stride: number): void;
}

/** Vitest runs the sources, which have no assembled module beside them. */
const MODULE_FILE = new URL(
  import.meta.url.endsWith(".ts") ? "../../dist/model/floats.wasm" : "./floats.wasm",
  import.meta.url,
);
const PAGE_BYTES = 64 * 1024;
let compiled: WebAssembly.Module | undefined;

/** Memory of its own, and what can be done to the values in it. */
export interface FloatMemory extends FloatFunctions {
  readonly buffer: ArrayBuffer;
}

/**
 * Undefined where there is none: V8 reserves ten gigabytes of addresses for the smallest, which `ulimit -v` may forbid, and
 * very old processors lack the instructions.
 */
export function makeFloatMemory(byteLength: number): FloatMemory | undefined {
  const pages = Math.ceil(byteLength / PAGE_BYTES);
  const bytes = readFileSync(MODULE_FILE);
  try {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    compiled ??= new WebAssembly.Module(bytes);
    const { exports } = new WebAssembly.Instance(compiled, { floats: { memory } });
    return { buffer: memory.buffer, ...(exports as FloatFunctions) };
  } catch {
    return undefined;
  }
}
