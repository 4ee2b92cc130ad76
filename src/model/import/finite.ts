import { basename } from "node:path";
import { quote } from "../checkpoint/error.js";
import { ImportError } from "./error.js";

/** A weight that is no number would make every picture fail; here its tensor can still be named. */
export function checkFinite(values: Float32Array, tensor: string, path: string): void {
  if (Number.isFinite(sum(values))) return;
  throw new ImportError(
    `The tensor ${quote(tensor)} of ${basename(path)} holds a value that is no finite float32: the checkpoint is damaged, or its training diverged.`,
  );
}

/**
 * Is no finite number where a value is none, and is finite elsewhere: float32 values do not overflow float64. Four sums
 * at once, since each addition waits for the one before.
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
