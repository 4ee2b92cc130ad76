import { describe, expect, it } from "vitest";
import { boxMuller, ImageNoise } from "../../../src/model/sampler/noise.js";

const CHANNELS = 16;

function normals(seed: number, imageIndex: number, arStep: number, token: number, draw: number): Float32Array {
  const out = new Float32Array(CHANNELS);
  new ImageNoise(seed, imageIndex).fill(out, 0, CHANNELS, arStep, token, draw);
  return out;
}

describe("ImageNoise", () => {
  it("depends on each part of the name and on nothing else", () => {
    const base = [7, 1, 2, 3, 4] as const;
    expect(normals(...base)).toEqual(normals(...base));
    for (let part = 0; part < base.length; part++) {
      const other = base.map((value, i) => (i === part ? value + 1 : value)) as [
        number,
        number,
        number,
        number,
        number,
      ];
      expect(normals(...other)).not.toEqual(normals(...base));
    }
    expect(normals(7 + 2 ** 32, 1, 2, 3, 4)).not.toEqual(normals(...base));
  });

  it("writes only where it is told, and a narrower token is the head of a wider one", () => {
    const wide = normals(7, 0, 0, 0, 0);
    const out = new Float32Array(12).fill(9);
    new ImageNoise(7, 0).fill(out, 2, 6, 0, 0, 0);
    expect([...out]).toEqual([9, 9, ...wide.slice(0, 6), 9, 9, 9, 9]);
  });

  it("repeats no value over a box of tokens, steps and draws", () => {
    const seen = new Set<string>();
    let count = 0;
    for (let imageIndex = 0; imageIndex < 3; imageIndex++)
      for (let arStep = 0; arStep < 4; arStep++)
        for (let token = 0; token < 16; token++)
          for (let draw = 0; draw <= 20; draw++) {
            const values = normals(1, imageIndex, arStep, token, draw);
            for (let block = 0; block < CHANNELS; block += 4) {
              seen.add(values.slice(block, block + 4).join());
              count++;
            }
          }
    expect(seen.size).toBe(count);
  });

  it("has the moments of a standard normal", () => {
    const noise = new ImageNoise(123, 0);
    const values = new Float32Array(400_000);
    for (let token = 0; token < values.length / CHANNELS; token++)
      noise.fill(values, token * CHANNELS, CHANNELS, 0, token, 0);
    const moment = (power: number) => values.reduce((sum, value) => sum + value ** power, 0) / values.length;
    // Five standard errors of each moment's estimate.
    const five = (variance: number) => 5 * Math.sqrt(variance / values.length);
    expect(Math.abs(moment(1))).toBeLessThan(five(1));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(five(2));
    expect(Math.abs(moment(3))).toBeLessThan(five(15));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(five(96));
    const within = values.reduce((count, value) => count + (Math.abs(value) < 1 ? 1 : 0), 0) / values.length;
    expect(Math.abs(within - 0.682689)).toBeLessThan(five(0.682689 * 0.317311));
    let lagged = 0;
    for (let i = 1; i < values.length; i++) lagged += values[i]! * values[i - 1]!;
    expect(Math.abs(lagged / values.length)).toBeLessThan(five(1));
  });

  it("stays finite at the ends of the words", () => {
    const out = new Float64Array(4);
    boxMuller(Uint32Array.of(0, 0, 0xffffffff, 0xffffffff), out);
    expect(out[0]).toBeCloseTo(Math.sqrt(64 * Math.LN2), 10);
    expect([...out].every(Number.isFinite)).toBe(true);
    expect(out[2]).toBeCloseTo(0, 10);
  });
});
