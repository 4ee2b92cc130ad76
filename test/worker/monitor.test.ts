import { createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type Monitor, openMonitor } from "../../src/worker/monitor.js";
import { exampleImage } from "../queue/example-job.js";
import { TestEngine } from "./test-engine.js";

const engine = new TestEngine();
let reason: string | undefined;
let monitor: Monitor | undefined;
afterEach(async () => {
  reason = undefined;
  await monitor?.close();
  monitor = undefined;
});

async function open() {
  const options = { host: "127.0.0.1", port: 0, engines: new Map([["demo", engine]]), notReady: () => reason };
  monitor = await openMonitor(options);
  return monitor;
}

describe("a worker's monitor", () => {
  it("is live at once, and ready when the worker is", async () => {
    const { address } = await open();
    reason = "The models are being loaded.";
    expect((await fetch(`${address}/health/live`)).status).toBe(200);
    const notReady = await fetch(`${address}/health/ready`);
    expect(notReady.status).toBe(503);
    expect(await notReady.json()).toEqual({ status: "not ready", reason });
    reason = undefined;
    expect(await (await fetch(`${address}/health/ready?verbose`)).json()).toEqual({ status: "ready" });
  });

  it("counts images by model and by how they ended", async () => {
    const { address, metrics } = await open();
    const image = exampleImage(new Uint8Array(2));
    for (const batch_size of [2, 4]) metrics.made("demo", { ...image, timing: { ...image.timing, batch_size } });
    metrics.failed("demo", "generation_failed");
    metrics.left("demo");
    engine.inFlight = 3;
    const answer = await fetch(`${address}/metrics`);
    expect(answer.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    const lines = (await answer.text()).split("\n");
    expect(lines).toEqual(
      expect.arrayContaining([
        'marimba_images_made_total{model="demo"} 2',
        'marimba_images_failed_total{model="demo",code="generation_failed"} 1',
        'marimba_images_left_total{model="demo"} 1',
        'marimba_images_in_flight{model="demo"} 3',
        'marimba_images_waiting{model="demo"} 0',
        'marimba_max_batch{model="demo"} 100',
        'marimba_image_batch_size_sum{model="demo"} 6',
        'marimba_image_batch_size_count{model="demo"} 2',
      ]),
    );
    expect(lines.some((line) => /^process_resident_memory_bytes \d+$/.test(line))).toBe(true);
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

  it("says that its port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as { port: number };
    const options = { host: "127.0.0.1", port, engines: new Map(), notReady: () => undefined };
    await expect(openMonitor(options)).rejects.toThrow(/another process does already; set WORKER_PORT to a free one/);
    other.close();
  });
});
