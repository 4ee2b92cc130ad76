/** float32 to float16 bits (IEEE 754 binary16), rounded to nearest even; values too large become infinite. */
export function toFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < halves.length; i++) {
    const magnitude = bits[i]! & 0x7fffffff;
    const isNormal = magnitude >= SMALLEST_NORMAL && magnitude < TOO_LARGE;
    // Adds half a unit in the last kept place, less one bit if that place is even; a carry goes into the exponent.
    const rounded = (magnitude + 0xfff + ((magnitude >>> 13) & 1) - EXPONENTS_APART) >>> 13;
    halves[i] = isNormal ? rounded | ((bits[i]! >>> 16) & 0x8000) : halfBits(bits[i]!);
  }
  return halves;
}

/** float32 bits of 2^-14 and 2^16: between them float16 is normal, or rounds to infinity. */
const SMALLEST_NORMAL = 0x38800000;
const TOO_LARGE = 0x47800000;
/** The difference of the exponents' biases, 127 and 15. */
const EXPONENTS_APART = 0x38000000;

function halfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  const mantissa = bits & 0x7fffff;
  if (exponent >= 31) return sign | 0x7c00 | (exponent === 143 && mantissa !== 0 ? 0x200 : 0);
  if (exponent > 0) {
    const half = (exponent << 10) | (mantissa >>> 13);
    return sign | roundUp(half, mantissa, 13); // a carry out of the mantissa is the next exponent
  }
  if (exponent < -10) return sign;
  const shift = 14 - exponent; // subnormal
  const whole = mantissa | 0x800000;
  return sign | roundUp(whole >>> shift, whole, shift);
}

/** `kept` plus one where the dropped low bits of `from` are more than half, or half and `kept` is odd. */
function roundUp(kept: number, from: number, dropped: number): number {
  const rest = from & (2 ** dropped - 1);
  const half = 2 ** (dropped - 1);
  return rest > half || (rest === half && kept % 2 === 1) ? kept + 1 : kept;
}
