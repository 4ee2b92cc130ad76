import { describe, expect, it } from "vitest";
import {
  type CategoricalSettings,
  categoricalWeights,
  drawCode,
  guidedLogits,
  gumbel,
} from "../../../src/model/sampler/categorical.js";
import { ImageNoise } from "../../../src/model/sampler/noise.js";

const LOGITS = Float64Array.of(0.2, -1, 2.5, 0.7, 0.7, -3, 1.9, 0);

/** The probabilities as they are defined, in plain steps. */
function probabilities({ temperature, top_k = 0, top_p = 1 }: CategoricalSettings): number[] {
  const scaled = [...LOGITS].map((logit) => logit / temperature);
  const kth = scaled.toSorted((a, b) => b - a)[(top_k || scaled.length) - 1]!;
  const kept = scaled.map((logit) => (logit >= kth ? Math.exp(logit) : 0));
  const all = kept.reduce((a, b) => a + b);
  const order = [...kept.keys()].sort((a, b) => kept[b]! - kept[a]! || a - b);
  let before = 0;
  for (const code of order) {
    const share = kept[code]! / all;
    if (before > top_p) kept[code] = 0;
    before += share;
  }
  const sum = kept.reduce((a, b) => a + b);
  return kept.map((weight) => weight / sum);
}

describe.each<CategoricalSettings>([
  { temperature: 1 },
  { temperature: 0.5 },
  { temperature: 2 },
  { temperature: 1, top_k: 3 },
  { temperature: 1.3, top_k: 4 }, // the fourth and the fifth are equal
  { temperature: 1, top_p: 0.6 },
  { temperature: 1, top_p: 0.9 },
  { temperature: 0.8, top_k: 5, top_p: 0.8 },
])("codes drawn with %o", (settings) => {
  const DRAWS = 20_000;

  it("are as frequent as their probabilities say", () => {
    const expected = probabilities(settings);
    const counts = new Array<number>(LOGITS.length).fill(0);
    const weights = categoricalWeights(LOGITS, settings);
    const noise = new ImageNoise(17, 0);
    for (let i = 0; i < DRAWS; i++) counts[drawCode(weights, noise.uniform(i % 256, Math.floor(i / 256)))]!++;
    const possible = expected.filter((p) => p > 0);
    let chiSquare = 0;
    for (const [code, p] of expected.entries())
      if (p === 0) expect(counts[code]).toBe(0);
      else chiSquare += (counts[code]! - DRAWS * p) ** 2 / (DRAWS * p);
    // Far beyond the 99.99 % quantile of 7 degrees of freedom, 29.9; the draws are the same in every run.
    expect(chiSquare).toBeLessThan(possible.length === 1 ? 1e-9 : 30);
  });
});

it("a temperature of 0 takes the likeliest code", () => {
  const weights = categoricalWeights(LOGITS, { temperature: 0 });
  for (const share of [0, 0.5, 1 - 2 ** -53]) expect(drawCode(weights, share)).toBe(2);
});

it("0 and 1 filter nothing, and large numbers neither", () => {
  const all = categoricalWeights(LOGITS, { temperature: 1 });
  expect(categoricalWeights(LOGITS, { temperature: 1, top_k: 0, top_p: 1 })).toEqual(all);
  expect(categoricalWeights(LOGITS, { temperature: 1, top_k: 1000 })).toEqual(all);
});

it("the ends of the uniform numbers are the first and the last code", () => {
  const weights = Float64Array.of(0, 1, 2, 0);
  expect([0, 1 / 3 - 1e-9, 1 / 3 + 1e-9, 1 - 2 ** -53].map((share) => drawCode(weights, share))).toEqual([1, 1, 2, 2]);
});

it("guidance leads away from the row without a class", () => {
  const rows = [Float32Array.of(1, 2), Float32Array.of(0, 4)];
  expect([...guidedLogits(rows, 3)]).toEqual([3, -2]);
  expect([...guidedLogits(rows.slice(0, 1), 3)]).toEqual([1, 2]);
});

it("uniform numbers differ by seed, image, step and token, and fill [0, 1)", () => {
  const draws = [1, 2].flatMap((seed) =>
    [0, 1].flatMap((image) =>
      [0, 1].flatMap((step) => [0, 1].map((token) => new ImageNoise(seed, image).uniform(step, token))),
    ),
  );
  expect(new Set(draws).size).toBe(16);
  const noise = new ImageNoise(5, 0);
  const many = Array.from({ length: 4096 }, (_, i) => noise.uniform(i, 0));
  expect(Math.min(...many)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...many)).toBeLessThan(1);
  expect(Math.abs(many.reduce((a, b) => a + b) / 4096 - 0.5)).toBeLessThan(0.02);
});

it("Gumbel's numbers have their long tail above, and are finite at both ends", () => {
  expect(gumbel(0.5)).toBeCloseTo(0.36651, 5);
  expect(gumbel(0)).toBeCloseTo(-3.6228, 3);
  expect(gumbel(1 - 2 ** -53)).toBeCloseTo(36.7368, 3);
});

it("the noise of the confidence in a code is not the number that the code was drawn by", () => {
  const noise = new ImageNoise(3, 0);
  expect(noise.uniform(1, 2, "confidence")).not.toBe(noise.uniform(1, 2));
  expect(noise.uniform(1, 2, "confidence")).toBe(noise.uniform(1, 2, "confidence"));
});
