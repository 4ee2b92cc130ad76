import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TINY_ARCHITECTURE, writeTinyModel } from "../../model/tiny.js";
import { describeStages, relativeError, stages } from "./recorded-stages.js";
import { openTyped, type TypedRuntime } from "./typed-runtime.js";

let folder: string;
let runtime: TypedRuntime;
beforeAll(async () => {
  folder = writeTinyModel({ expose: true });
  runtime = await openTyped(folder, TINY_ARCHITECTURE);
});
afterAll(async () => {
  await runtime?.close();
  rmSync(folder, { recursive: true, force: true });
});

describeStages(() => runtime, { exposed: true });

test("decode equals the recording", async () => {
  const out = await runtime.decode(stages.get("decode.latents")!.data);
  expect(relativeError(out.image!, stages.get("decode.image")!.data)).toBeLessThan(2e-4);
});
