import { describe, expect, it } from "vitest";
import { canEdit, editMistake, maskedTokens, sampledTokenCount } from "../../src/model/edit.js";
import { exampleManifest } from "./example-manifest.js";

/** 4 x 4 tokens of 32 x 32 pixels. */
const { architecture } = exampleManifest();
const SIDE = 128;

/** The masked tokens where these pixels are masked, each [x, y]. */
function tokensOf(pixels: readonly (readonly [number, number])[], rings = 0): number[] {
  const mask = new Uint8Array(SIDE * SIDE);
  for (const [x, y] of pixels) mask[y * SIDE + x] = 1;
  return [...maskedTokens(mask, architecture, rings).entries()].filter(([, one]) => one).map(([token]) => token);
}

describe("maskedTokens", () => {
  it("takes every token that the mask touches, with one pixel too", () => {
    expect(tokensOf([])).toEqual([]);
    expect(tokensOf([[31, 31]])).toEqual([0]);
    expect(tokensOf([[32, 31]])).toEqual([1]);
    expect(
      tokensOf([
        [31, 32],
        [32, 32],
        [127, 127],
      ]),
    ).toEqual([4, 5, 15]);
  });

  it("adds rings of neighbours, the diagonal ones too, that end at the image's edge", () => {
    expect(tokensOf([[0, 0]], 1)).toEqual([0, 1, 4, 5]);
    expect(tokensOf([[40, 40]], 1)).toEqual([0, 1, 2, 4, 5, 6, 8, 9, 10]);
    expect(tokensOf([[127, 64]], 1)).toEqual([6, 7, 10, 11, 14, 15]);
    expect(tokensOf([[0, 0]], 2)).toEqual([0, 1, 2, 4, 5, 6, 8, 9, 10]);
    expect(tokensOf([[0, 0]], 8)).toHaveLength(16);
    expect(tokensOf([], 8)).toEqual([]);
  });
});

describe("sampledTokenCount", () => {
  it("is the share of the masked tokens, but at least one of them", () => {
    const masked = (count: number) => new Uint8Array(16).fill(1, 0, count);
    expect(sampledTokenCount(masked(16), 1)).toBe(16);
    expect(sampledTokenCount(masked(16), 0.5)).toBe(8);
    expect(sampledTokenCount(masked(3), 0.5)).toBe(2);
    expect(sampledTokenCount(masked(16), 0.001)).toBe(1);
    expect(sampledTokenCount(masked(0), 1)).toBe(0);
  });
});

describe("an edit", () => {
  const encoder_levels = [{ channels: 32, blocks: 1, attention: false }];
  const withEncoder = { ...architecture, tokenizer: { ...architecture.tokenizer, encoder_levels } };
  const edit = {
    pixels: new Uint8Array(SIDE * SIDE * 3),
    mask: new Uint8Array(SIDE * SIDE).fill(1, 5, 6),
    maskGrow: 1,
    strength: 1,
  };

  it("needs a model with an encoder", () => {
    expect(canEdit(architecture)).toBe(false);
    expect(canEdit(withEncoder)).toBe(true);
    expect(editMistake(edit, withEncoder)).toBeUndefined();
    expect(editMistake(edit, architecture)).toMatch(/no encoder; import it again/);
  });

  it.each([
    ["the image has another size", { pixels: edit.pixels.subarray(3) }, "must be 128x128 pixels"],
    ["the mask has another size", { mask: edit.mask.subarray(1) }, "must be 128x128 pixels"],
    ["nothing is masked", { mask: new Uint8Array(SIDE * SIDE) }, "nothing is masked"],
    ["it has a part of a ring", { maskGrow: 0.5 }, "maskGrow"],
    ["it has no strength", { strength: 0 }, "strength"],
    ["it has too much strength", { strength: 1.01 }, "strength"],
  ])("can't be made where %s", (_, change, mistake) => {
    expect(editMistake({ ...edit, ...change }, withEncoder)).toContain(mistake);
  });
});
