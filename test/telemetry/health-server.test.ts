import { createServer } from "node:net";
import { Counter, Registry } from "prom-client";
import { afterEach, describe, expect, it } from "vitest";
import { type HealthServer, openHealthServer } from "../../src/telemetry/health-server.js";

let reason: string | undefined;
let healthServer: HealthServer | undefined;
afterEach(async () => {
  reason = undefined;
  await healthServer?.close();
  healthServer = undefined;
});

async function open(registry = new Registry()): Promise<HealthServer> {
  const options = {
    host: "127.0.0.1",
    port: 0,
    variable: "WORKER_PORT",
    registry,
    notReadyReason: () => reason,
    threads: 2,
  } as const;
  healthServer = await openHealthServer(options);
  return healthServer;
}

describe("a process's health server", () => {
  it("is live at once, and ready when the process is", async () => {
    const { address } = await open();
    reason = "The models are being loaded.";
    expect((await fetch(`${address}/health/live`)).status).toBe(200);
    const notReady = await fetch(`${address}/health/ready`);
    expect(notReady.status).toBe(503);
    expect(await notReady.json()).toEqual({ status: "not ready", reason });
    reason = undefined;
    expect(await (await fetch(`${address}/health/ready?verbose`)).json()).toEqual({ status: "ready", threads: 2 });
  });

  it("serves the metrics of its registry", async () => {
    const registry = new Registry();
    new Counter({ name: "things_total", help: "Things.", registers: [registry] }).inc(3);
    const answer = await fetch(`${(await open(registry)).address}/metrics`);
    expect(answer.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await answer.text()).toMatch(/^things_total 3$/m);
  });

  it("answers GET and HEAD on three paths, and nothing else", async () => {
    const { address } = await open();
    const head = await fetch(`${address}/metrics`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    expect((await fetch(`${address}/generate`)).status).toBe(404);
    expect((await fetch(`${address}/__proto__`)).status).toBe(404);
    const posted = await fetch(`${address}/metrics`, { method: "POST", body: "x" });
    expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  it("explains that its port is in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as { port: number };
    const options = { host: "127.0.0.1", port, registry: new Registry(), notReadyReason: () => undefined };
    await expect(openHealthServer({ ...options, variable: "METRICS_PORT" })).rejects.toThrow(
      /another process already does; set METRICS_PORT to a free port/,
    );
    other.close();
  });
});
