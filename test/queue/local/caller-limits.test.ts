import { describe, expect, it } from "vitest";
import { FinishRate, LimitedCallers } from "../../../src/queue/local/caller-limits.js";

describe("the images of the last minute", () => {
  const limits = { imagesPerMinute: 10 };

  it("count until a minute after the second they came in, and each second frees its own", () => {
    const callers = new LimitedCallers();
    callers.accepted("a", 4, limits, 1000.9);
    callers.accepted("a", 6, limits, 1005.1);
    expect(callers.usage("a", 1006)).toEqual({ recentImages: 10, resetS: 55, unfinishedImages: 10 });
    const broken = (images: number, nowS: number) => callers.refusal("a", images, limits, new FinishRate(), nowS);
    expect(broken(1, 1006)).toMatchObject({ limit: "imagesPerMinute", retryAfterS: 55 });
    expect(broken(5, 1006)).toMatchObject({ limit: "imagesPerMinute", retryAfterS: 60 });
    // Sixty seconds after the first came in it may still be within the window.
    expect(broken(1, 1060.95)).toMatchObject({ limit: "imagesPerMinute", retryAfterS: 1 });
    expect(broken(4, 1061)).toBeUndefined();
    expect(broken(5, 1061)).toMatchObject({ limit: "imagesPerMinute", retryAfterS: 5 });
    expect(callers.usage("a", 1070)).toEqual({ recentImages: 0, resetS: 0, unfinishedImages: 10 });
  });
});
