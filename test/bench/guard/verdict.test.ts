import { describe, expect, it } from "vitest";
import { judge } from "../../../bench/guard/verdict.js";

const stored = { here: 2, elsewhere: 2.5 };

describe("the guard's verdict", () => {
  it("fails an engine that takes 15 % more than its stored ratio, and says by how much and what records a new one", () => {
    const { isSlower, sentence } = judge("engine", 2 * 1.15, "here", stored);
    expect(isSlower).toBe(true);
    expect(sentence).toMatch(/^engine has become slower: .* 2\.300 times .* 15 % more than the stored ratio, 2\.000 /);
    expect(sentence).toMatch(/npm run guard -- --record engine$/);
  });

  it("compares the other parts with themselves as they were frozen, whatever the machine", () => {
    for (const part of ["worker", "queue", "api"] as const) {
      expect(judge(part, 1.07, "there", stored).isSlower).toBe(false);
      const { isSlower, sentence } = judge(part, 1.15, "there", stored);
      expect(isSlower).toBe(true);
      expect(sentence).toMatch(new RegExp(`^${part} has become slower: .* 15 % more than its frozen state `));
      expect(sentence).toMatch(/npm run guard -- --record service$/);
    }
  });

  it("passes what a busy machine changes, and asks for nothing", () => {
    for (const change of [0.93, 1, 1.07]) {
      const { isSlower, sentence } = judge("engine", 2 * change, "here", stored);
      expect(isSlower).toBe(false);
      expect(sentence).not.toContain("--record");
    }
  });

  it("passes a part that has become faster, but asks to record it", () => {
    const { isSlower, sentence } = judge("worker", 0.8, "here", stored);
    expect(isSlower).toBe(false);
    expect(sentence).toContain("npm run guard -- --record service");
  });

  it("says that another kind of machine has no ratio, and fails only what exceeds the highest of all by far", () => {
    const passed = judge("engine", 2.5 * 1.4, "there", stored);
    expect(passed.isSlower).toBe(false);
    expect(passed.sentence).toContain("No ratio is stored for this kind of machine (there)");
    expect(passed.sentence).toContain("npm run guard -- --record engine");
    const failed = judge("engine", 2.5 * 1.6, "there", stored);
    expect(failed.isSlower).toBe(true);
    expect(failed.sentence).toContain("the highest stored ratio of other kinds of machines, 2.500");
  });
});
