import { describe, expect, it } from "vitest";
import { editDistance, nearMisses } from "../../src/validation/near-misses.js";

describe("editDistance", () => {
  it.each([
    ["", "", 0],
    ["star", "star", 0],
    ["star", "stars", 1],
    ["kitten", "sitting", 3],
    ["haert", "heart", 1],
    ["abc", "", 3],
  ])("%s to %s is %i", (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });

  it("gives up above the allowed distance", () => {
    expect(editDistance("kitten", "sitting", 2)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("nearMisses", () => {
  const classes = ["star", "starfish", "heart", "house", "boat"];
  it("puts the nearest first and keeps to the limit", () => {
    expect(nearMisses("Haert", classes)).toEqual(["heart"]);
    expect(nearMisses("star", classes)).toEqual(["star", "starfish"]);
    expect(nearMisses("sta", ["stab", "star", "stag", "stay"])).toHaveLength(3);
  });

  it("suggests nothing for a word unlike any, however long", () => {
    expect(nearMisses("zebra", classes)).toEqual([]);
    expect(nearMisses("x".repeat(1_000_000), classes)).toEqual([]);
  });
});
