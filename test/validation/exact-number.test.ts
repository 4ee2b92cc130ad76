import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exactNumber } from "../../src/validation/exact-number.js";

describe("exactNumber", () => {
  it("accepts everything that JSON.stringify writes", () => {
    const numbers = fc.double({ noDefaultInfinity: true, noNaN: true });
    fc.assert(
      fc.property(numbers, (number) => {
        const text = JSON.stringify(number);
        expect(exactNumber(text)).toBe(JSON.parse(text));
      }),
      { seed: 5, numRuns: 2000 },
    );
  });

  it.each([
    ["0", 0],
    ["-0.000", -0],
    ["1.0", 1],
    ["2500e-2", 25],
    ["0.1", 0.1],
    ["2.9000000000000000000001", 2.9],
    ["9007199254740992", 2 ** 53],
    ["1152921504606846976", 2 ** 60],
    ["1152921504606847000", 2 ** 60],
    ["1e22", 1e22],
  ])("reads %s", (text, number) => expect(exactNumber(text)).toBe(number));

  it.each([
    "9007199254740993",
    "9007199254740990.5",
    "-9007199254740993",
    "9007199254740.993e3",
    "0.99999999999999999999",
    "1e-400",
    "1e400",
  ])("refuses to round %s", (text) => expect(exactNumber(text)).toBeUndefined());

  it("takes time in proportion to the text", () => {
    for (const text of [`0.${"0".repeat(60_000)}1`, `1.${"0".repeat(60_000)}1`, `1${"0".repeat(300)}`])
      exactNumber(text);
  });
});
