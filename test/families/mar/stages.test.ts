import { rmSync } from "node:fs";
import { afterAll, beforeAll } from "vitest";
import { TINY_ARCHITECTURE, writeTinyModel } from "../../model/tiny.js";
import { describeStages } from "./recorded-stages.js";
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
