import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { WATCHED_MS } from "../../../src/queue/redis/job-watch.js";
import { PreviewInterest } from "../../../src/queue/redis-worker/running-images.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("interest in previews ends with the watchers' last word, and of jobs made elsewhere nothing is kept", () => {
  const interest = new PreviewInterest();
  for (let index = 0; index < 1000; index++) interest.watched(`elsewhere-${index}`);
  interest.watched("here");
  vi.advanceTimersByTime(WATCHED_MS - 1);
  interest.watched("here");
  vi.advanceTimersByTime(1);
  interest.watched("other");
  expect(interest.size).toBe(2);
  expect([interest.has("here"), interest.has("elsewhere-0")]).toEqual([true, false]);
  vi.advanceTimersByTime(WATCHED_MS - 1);
  expect([interest.has("here"), interest.has("other")]).toEqual([false, true]);
});
