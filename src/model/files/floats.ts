import { readFileSync } from "node:fs";
import { builtFile } from "../../files/package.js";

/** The functions of floats.wat, which says what they do. */
interface FloatFunctions {
  largest(value: number, end: number): number;
  quantizeRow(value: number, end: number, word: number, shift: number, perWeight: number): void;
  storeColumns(word: number, bytes: number, target: number, stride: number): void;
}

/** Memory of its own, and what can be done to the values in it. */
export interface FloatMemory extends FloatFunctions {
  readonly buffer: ArrayBuffer;
}

const PAGE_BYTES = 64 * 1024;
let assembled: WebAssembly.Module | undefined;

/** Undefined where there is none: V8 reserves ten gigabytes of addresses for the smallest, which `ulimit -v` may forbid. */
export function makeFloatMemory(byteLength: number): FloatMemory | undefined {
  assembled ??= new WebAssembly.Module(readFileSync(builtFile("floats.wasm", import.meta.url)));
  const memory = reserve(Math.ceil(byteLength / PAGE_BYTES));
  if (!memory) return undefined;
  const { exports } = new WebAssembly.Instance(assembled, { floats: { memory } });
  return { buffer: memory.buffer, ...(exports as FloatFunctions) };
}

function reserve(pages: number): WebAssembly.Memory | undefined {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
