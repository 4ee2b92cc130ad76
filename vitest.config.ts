import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/longest-first.js";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/setup.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    // Two cores: more workers only slow the ONNX runs of their neighbours.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
  },
});
