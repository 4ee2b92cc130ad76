/**
 * The value of a JSON number, or undefined if a double can't represent it and would not print as it either: a seed that is
 * rounded silently would give another image. Fractions are rounded as usual, but never to an integer.
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

/** The digits from the first to the last nonzero one, and the power of ten of the last. */
function significand(text: string): { digits: string; exponent: number } {
  const [, integer = "", fraction = "", power = "0"] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = integer + fraction;
  let first = 0;
  while (digits[first] === "0") first++;
  let end = digits.length;
  while (end > first && digits[end - 1] === "0") end--;
  return { digits: digits.slice(first, end), exponent: Number(power) - fraction.length + digits.length - end };
}
