/**
 * The number that a decimal text stands for, or undefined where no double is that number, nor one that a double prints
 * as: rounding a seed silently would give another picture. Fractions round, as they always do, but never to an integer.
 * `text` is a JSON number.
 */
export function exactNumber(text: string): number | undefined {
  const number = Number(text);
  if (!Number.isFinite(number)) return undefined;
  if (!Number.isInteger(number) || sameDecimal(text, String(number))) return number;
  return /^-?\d+$/.test(text) && BigInt(text) === BigInt(number) ? number : undefined;
}

function sameDecimal(a: string, b: string): boolean {
  const [x, y] = [significand(a), significand(b)];
  return x.digits === y.digits && (x.digits === "" || x.exponent === y.exponent);
}

/** The digits between the first and the last that is not 0, and the power of ten of the last one. */
function significand(text: string): { digits: string; exponent: number } {
  const [, integer = "", fraction = "", power = "0"] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = integer + fraction;
  let first = 0;
  while (digits[first] === "0") first++;
  let end = digits.length;
  while (end > first && digits[end - 1] === "0") end--;
  return { digits: digits.slice(first, end), exponent: Number(power) - fraction.length + digits.length - end };
}
