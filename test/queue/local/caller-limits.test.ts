import { describe, expect, it } from "vitest";
import { Allowances } from "../../../src/queue/local/caller-limits.js";
import { FinishRate } from "../../../src/queue/local/finish-rate.js";

describe("the images of the last minute", () => {
  const allowance = { imagesPerMinute: 10 };

  it("count until a minute after the second they came in, and each second frees its own", () => {
    const allowances = new Allowances();
    allowances.accepted("a", 4, allowance, 1000.9);
    allowances.accepted("a", 6, allowance, 1005.1);
    expect(allowances.usage("a", 1006)).toEqual({ recentImages: 10, resetS: 55, unfinishedImages: 10 });
    const broken = (images: number, nowS: number) => allowances.refusal("a", images, allowance, new FinishRate(), nowS);
    expect(broken(1, 1006)).toMatchObject({ limit: "imagesPerMinute", retryAfterS: 55 });
    expect(broken(5, 1006)).toMatchObject({ limit: "imagesPerMinute", retryAfterS: 60 });
    // Sixty seconds after the first came in it may still be within the window.
    expect(broken(1, 1060.95)).toMatchObject({ limit: "imagesPerMinute", retryAfterS: 1 });
    expect(broken(4, 1061)).toBeUndefined();
    expect(broken(5, 1061)).toMatchObject({ limit: "imagesPerMinute", retryAfterS: 5 });
    expect(allowances.usage("a", 1070)).toEqual({ recentImages: 0, resetS: 0, unfinishedImages: 10 });
  });
});
