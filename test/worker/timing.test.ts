import { describe, expect, it } from "vitest";
import { imageTiming } from "../../src/worker/worker.js";

const engine = { batchWaitMs: 1, transformerMs: 20, diffusionMs: 30, decodeMs: 4, batchSize: 2, msPerImage: 27 };
const times = { ...engine, submittedMs: 1_000_100, finishedMs: 1_000_155 };

describe("an image's timing", () => {
  it("lies side by side from end to end", () => {
    const { queue_ms, encode_ms, total_ms } = imageTiming(1_000_000, times, 1_000_160);
    expect({ queue_ms, encode_ms, total_ms }).toEqual({ queue_ms: 100, encode_ms: 5, total_ms: 160 });
  });

  it("has no time below zero, and a total that is its parts' sum, where the clock of Redis was set back", () => {
    const { queue_ms, encode_ms, total_ms } = imageTiming(1_000_140, times, 1_000_160);
    expect({ queue_ms, encode_ms, total_ms }).toEqual({ queue_ms: 0, encode_ms: 5, total_ms: 60 });
  });
});
