import { describe, expect, it } from "vitest";
import { PART_NAMES } from "../../../bench/guard/parts/parts.js";
import { judge } from "../../../bench/guard/verdict.js";

describe("the guard's verdict", () => {
  it.each(PART_NAMES)("is that %s has become slower at 15 %% more, and how to record what is meant", (part) => {
    const { change, sentence } = judge(part, 1.15);
    expect(change).toBe("slower");
    expect(sentence).toMatch(
      new RegExp(`^${part} has become slower: it takes 15 % more processor time than its frozen`),
    );
    expect(sentence).toMatch(/npm run guard -- --record$/);
  });

  it.each([0.9, 0.93, 1, 1.07])("is nothing at %d times the time, which a busy machine changes", (ratio) => {
    const { change, sentence } = judge("engine", ratio);
    expect(change).toBe("none");
    expect(sentence).not.toContain("--record");
  });

  it("is that a part has become faster, which should be recorded", () => {
    const { change, sentence } = judge("worker", 0.8);
    expect(change).toBe("faster");
    expect(sentence).toMatch(/^worker takes 20 % less processor time .* npm run guard -- --record$/);
  });
});
