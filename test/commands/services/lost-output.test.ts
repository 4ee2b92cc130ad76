import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { freePort } from "../../free-port.js";
import { ready } from "../deployment.js";
import { generate, Marimba, redirected } from "../marimba.js";

/** Every request is logged, and images cost nothing. */
const ENVIRONMENT = { ENGINE: "null", LOG_LEVEL: "trace" };

const started: Marimba[] = [];
afterEach(async () => {
  for (const marimba of started.splice(0)) {
    marimba.kill("SIGKILL");
    await marimba.ended;
  }
});

function serve(environment: Record<string, string> = {}, redirection = ""): Marimba {
  const marimba = new Marimba(["serve"], { ...ENVIRONMENT, ...environment }, undefined, redirected(redirection));
  started.push(marimba);
  return marimba;
}

async function makesImages(address: string): Promise<void> {
  for (let i = 0; i < 3; i++) expect((await generate(address, { class: 0 })).status).toBe(200);
}

describe("marimba serve goes on where nobody takes what it writes:", () => {
  it("a log on a full disk, from the start", async () => {
    const marimba = serve({}, "2>/dev/full");
    const address = await marimba.address();
    await ready(address, 200);
    await makesImages(address);
    marimba.kill("SIGTERM");
    expect(await marimba.ended).toMatchObject({ code: 0, signal: null });
  });

  it("a log whose reader went away", async () => {
    const marimba = serve();
    const address = await marimba.address();
    await ready(address, 200);
    marimba.process.stderr!.destroy();
    await makesImages(address);
    marimba.kill("SIGTERM");
    expect((await once(marimba.process, "exit")).slice(0, 2)).toEqual([0, null]);
  });

  it("a standard output that is full", async () => {
    const port = String(await freePort());
    const marimba = serve({ PORT: port }, ">/dev/full");
    await ready(`http://127.0.0.1:${port}`, 200);
    await makesImages(`http://127.0.0.1:${port}`);
    marimba.kill("SIGTERM");
    expect(await marimba.ended).toMatchObject({ code: 0, signal: null });
  });

  it("a standard output whose reader went away", async () => {
    const marimba = serve();
    const address = await marimba.address();
    marimba.process.stdout!.destroy();
    await ready(address, 200);
    await makesImages(address);
    marimba.kill("SIGTERM");
    expect((await once(marimba.process, "exit")).slice(0, 2)).toEqual([0, null]);
  });
});

it("a command whose complaint can't be written still ends with its exit code", async () => {
  expect((await new Marimba(["sevre"], {}, undefined, redirected("2>/dev/full")).ended).code).toBe(2);
});
