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

/** Undefined if the process may not have it: V8 reserves ten gigabytes of addresses for the smallest, and `ulimit -v` may forbid that. */
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

/** Whether every value is a finite number. */
export function areFinite(values: Float32Array): boolean {
  return Number.isFinite(sum(values));
}

/**
 * Finite if and only if every value is: sums of float32 do not overflow float64. Four sums at once, because each addition
 * waits for the one before.
 */
function sum(values: Float32Array): number {
  const even = values.length - (values.length % 4);
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < even; i += 4) {
    a += values[i]!;
    b += values[i + 1]!;
    c += values[i + 2]!;
    d += values[i + 3]!;
  }
  for (let i = even; i < values.length; i++) a += values[i]!;
  return a + b + c + d;
}
