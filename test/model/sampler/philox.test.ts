import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DRAW_BOUNDS, packLastWord, philox4x32, seedHigh, seedLow } from "../../../src/model/sampler/philox.js";

/** Random123's `kat_vectors`, the lines of philox4x32 with 10 rounds: counter, key, result. */
const KNOWN_ANSWERS = [
  "00000000 00000000 00000000 00000000  00000000 00000000  6627e8d5 e169c58d bc57ac4c 9b00dbd8",
  "ffffffff ffffffff ffffffff ffffffff  ffffffff ffffffff  408f276d 41c83b0e a20bc7c6 6d5451fd",
  "243f6a88 85a308d3 13198a2e 03707344  a4093822 299f31d0  d16cfe09 94fdcceb 5001e420 24126ea1",
].map((line) => line.split(/\s+/).map((word) => Number.parseInt(word, 16)));

describe("philox4x32", () => {
  it.each(KNOWN_ANSWERS)("gives the published answer for counter %i %i %i %i", (...words) => {
    const [c0, c1, c2, c3, k0, k1, ...expected] = words as [number, number, number, number, number, number, number];
    const out = new Uint32Array(4);
    philox4x32(c0, c1, c2, c3, k0, k1, out);
    expect([...out]).toEqual(expected);
  });
});

describe("the names of draws", () => {
  it("keep every seed apart", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (seed) => {
        expect(seedHigh(seed)).toBeLessThan(2 ** 21);
        expect(seedHigh(seed) * 2 ** 32 + seedLow(seed)).toBe(seed);
      }),
    );
  });

  it("give each of a small box its own last word", () => {
    const seen = new Set<number>();
    for (const stream of ["order", "noise"] as const)
      for (let image = 0; image < 64; image++)
        for (let step = 0; step <= 1000; step++) seen.add(packLastWord(image, stream, step));
    expect(seen.size).toBe(2 * 64 * 1001);
  });

  it("hold at their bounds", () => {
    const image = DRAW_BOUNDS.imageIndex - 1;
    const last = packLastWord(image, "noise", DRAW_BOUNDS.diffusionStep - 1);
    expect(last).toBe(0xffffffff);
    expect(packLastWord(image, "order", DRAW_BOUNDS.diffusionStep - 1)).toBe(0xfffffbff);
    expect(packLastWord(0, "noise", 1000)).toBe(1024 + 1000);
  });
});
