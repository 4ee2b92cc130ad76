import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const path = (name: string) => fileURLToPath(new URL(`../../../bench/${name}`, import.meta.url));

// `npm run guard -- --plant engine,worker,queue,api` proves that it would fail; test/mistakes keeps those slowdowns fitting.
it("finds no part of the service slower than when it was recorded", { timeout: 600_000 }, async () => {
  const guard = spawn(process.execPath, ["--import", path("typescript.js"), path("guard/main.ts")]);
  let output = "";
  for (const stream of [guard.stdout, guard.stderr])
    stream.on("data", (text) => {
      output += text;
    });
  const [code] = (await once(guard, "close")) as [number];
  expect(code, output).toBe(0);
  for (const part of ["engine", "worker", "queue", "api"])
    expect(output).toMatch(new RegExp(`^${part} takes \\d+ % (more|less) processor time than its frozen state`, "m"));
});
