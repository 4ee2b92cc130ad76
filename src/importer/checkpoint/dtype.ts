import type { Dtype } from "./checkpoint.js";
import { CheckpointError, quote } from "./error.js";

const ELEMENT_BYTES: Readonly<Record<Dtype, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** More dimensions than any tensor of this family has; bounds the work of checking one shape. */
export const MAX_DIMENSIONS = 16;
/** Published checkpoints hold a few thousand tensors; this bounds the memory of a directory of them. */
export const MAX_TENSORS = 65_536;

export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(ELEMENT_BYTES, name);
}

export function elementBytes(dtype: Dtype): number {
  return ELEMENT_BYTES[dtype];
}

/** Number of elements of a shape, or an error when it is no shape or its size is not an exact integer. */
export function elementCount(name: string, shape: readonly number[]): number {
  if (shape.length > MAX_DIMENSIONS) {
    throw new CheckpointError(
      `tensor ${quote(name)} has ${shape.length} dimensions; at most ${MAX_DIMENSIONS} are read`,
    );
  }
  let count = 1;
  for (const side of shape) {
    if (!Number.isSafeInteger(side) || side < 0) {
      throw new CheckpointError(`tensor ${quote(name)} has a dimension that is not a non-negative integer`);
    }
    count *= side;
    // Eight bytes an element must still be an exact integer.
    if (count > Number.MAX_SAFE_INTEGER / 8) throw new CheckpointError(`tensor ${quote(name)} is absurdly large`);
  }
  return count;
}
