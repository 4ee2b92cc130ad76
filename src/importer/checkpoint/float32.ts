import type { Dtype } from "./checkpoint.js";

/**
 * The float32 bits of every float16 (IEEE 754 binary16): each is exact, subnormals, infinities and NaNs included. Built
 * on first use, 256 KiB.
 */
let halfTable: Uint32Array | undefined;

function halfToFloatBits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  let mantissa = half & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (mantissa << 13)) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (mantissa << 13)) >>> 0;
  if (mantissa === 0) return sign >>> 0;
  // A subnormal half is a normal float: shift its leading one into place.
  let shift = 0;
  while ((mantissa & 0x400) === 0) {
    mantissa <<= 1;
    shift++;
  }
  return (sign | ((113 - shift) << 23) | ((mantissa & 0x3ff) << 13)) >>> 0;
}

function halves(): Uint32Array {
  if (!halfTable) {
    halfTable = new Uint32Array(65_536);
    for (let half = 0; half < 65_536; half++) halfTable[half] = halfToFloatBits(half);
  }
  return halfTable;
}

/** Whether a dtype converts to float32: the four floating-point types. */
export function isFloat(dtype: Dtype): boolean {
  return dtype === "F32" || dtype === "F16" || dtype === "BF16" || dtype === "F64";
}

/**
 * Little-endian elements to float32. F32, F16 and BF16 are exact to the bit; F64 rounds to nearest even.
 * `bytes` holds whole elements, `target` as many floats.
 */
export function toFloat32(dtype: Dtype, bytes: Uint8Array, target: Float32Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  switch (dtype) {
    case "F32":
      new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(bytes);
      return;
    case "F16": {
      const table = halves();
      for (let i = 0; i < bits.length; i++) bits[i] = table[view.getUint16(2 * i, true)]!;
      return;
    }
    case "BF16":
      for (let i = 0; i < bits.length; i++) bits[i] = view.getUint16(2 * i, true) << 16;
      return;
    case "F64":
      for (let i = 0; i < target.length; i++) target[i] = view.getFloat64(8 * i, true);
      return;
    default:
      throw new TypeError(`${dtype} is not a floating-point type`);
  }
}
