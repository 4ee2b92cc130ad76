import type { TensorEntry } from "./checkpoint.js";
import { elementBytes } from "./dtype.js";

/**
 * Largest tensor that is read by its strides: in memory at once, with the bytes it lies among. The largest of a published
 * model has 28 MB.
 */
export const MAX_STRIDED_BYTES = 256 * 1024 * 1024;

/** How many elements of the storage a tensor lies among, from its first element to its last. */
export function spanOf({ shape, strides }: { shape: readonly number[]; strides: readonly number[] }): number {
  return shape.reduce((span, side, i) => span + (side - 1) * strides[i]!, 1);
}

/** How many bytes of the file a tensor lies among. */
export function spanBytes({ dtype, shape, strides, byteLength }: TensorEntry): number {
  return strides ? spanOf({ shape, strides }) * elementBytes(dtype) : byteLength;
}

/** A strided tensor's elements in row-major order, taken out of the bytes they lie among. */
export function gather(span: Uint8Array, { dtype, shape, strides, byteLength }: TensorEntry): Uint8Array {
  const size = elementBytes(dtype);
  const isWide = size === 8; // as two words each
  const words = size === 1 ? Uint8Array : size === 2 ? Uint16Array : Uint32Array;
  const sides = isWide ? [...shape, 2] : shape;
  const steps = isWide ? [...strides!.map((stride) => 2 * stride), 1] : strides!;
  const source = new words(span.buffer as ArrayBuffer, span.byteOffset, span.byteLength / words.BYTES_PER_ELEMENT);
  const target = new words(byteLength / words.BYTES_PER_ELEMENT);
  const at = sides.map(() => 0);
  let from = 0;
  for (let i = 0; i < target.length; i++) {
    target[i] = source[from]!;
    for (let axis = sides.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      at[axis]!++;
      if (at[axis]! < sides[axis]!) break;
      from -= steps[axis]! * sides[axis]!;
      at[axis] = 0;
    }
  }
  return new Uint8Array(target.buffer);
}
