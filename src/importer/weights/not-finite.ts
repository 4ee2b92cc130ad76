import { basename } from "node:path";
import { areFinite } from "../../model/files/finite.js";
import { quote } from "../checkpoint/error.js";
import { ImportError } from "../error.js";

/** A weight that is no number would make every picture fail; here its tensor can still be named. */
export function checkFinite(values: Float32Array, tensor: string, path: string): void {
  if (!areFinite(values)) throw notFinite(tensor, path);
}

export function notFinite(tensor: string, path: string): ImportError {
  return new ImportError(
    `The tensor ${quote(tensor)} of ${basename(path)} holds a value that is no finite float32: the checkpoint is damaged, or its training diverged.`,
  );
}
