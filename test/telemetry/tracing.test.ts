import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readTraceparent } from "../../src/telemetry/trace-context.js";
import { accepted, deployments, hasEnded, jobWhere } from "../commands/deployment.js";
import { generate, type Marimba } from "../commands/marimba.js";
import { eventually } from "../eventually.js";
import { startCollector } from "./collector.js";

const { deploy } = deployments();
let collector: Awaited<ReturnType<typeof startCollector>>;
beforeAll(async () => {
  collector = await startCollector();
});
afterAll(() => collector?.close());

const newTrace = () => randomBytes(16).toString("hex");
const callersSpan = "00f067aa0ba902b7";
/** Lines of a process's log that hold all of these fields. */
const lines = ({ stderr }: Marimba, fields: object) =>
  stderr
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line))
    .filter((line) => Object.entries(fields).every(([key, value]) => line[key] === value));

describe("a request's id and trace", () => {
  it("are in every log line of API and worker, and returned to the caller, even without tracing", async () => {
    const { api, worker } = deploy({ LOG_LEVEL: "debug" });
    const [{ marimba, address }, maker] = await Promise.all([api(), worker()]);
    const traceId = newTrace();
    const headers = {
      "x-request-id": "order-4711",
      traceparent: `00-${traceId}-${callersSpan}-01`,
      accept: "image/png",
    };
    const answer = await generate(address, { class: 0 }, headers);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-request-id")).toBe("order-4711");
    // Nobody traces here: the caller's own context is passed on.
    expect(answer.headers.get("traceresponse")).toBe(headers.traceparent);
    const job = answer.headers.get("marimba-job");
    const own = { request_id: "order-4711", trace_id: traceId };
    await eventually(() => expect(lines(marimba, { ...own, msg: "request completed" })).toHaveLength(1));
    await eventually(() => expect(lines(maker, own)).not.toHaveLength(0));
    expect(lines(marimba, own).map(({ msg }) => msg)).toEqual(["incoming request", "request completed"]);
    expect(lines(marimba, { ...own, job, msg: "request completed" })).toHaveLength(1);
    expect(lines(maker, { ...own, job, image: 0 }).map(({ msg }) => msg)).toEqual(["The image is done."]);

    const refused = await generate(
      address,
      { class: -1 },
      { "x-request-id": "order-4712", traceparent: "00-nonsense-01" },
    );
    expect(await refused.json()).toMatchObject({ instance: "urn:marimba:request:order-4712" });
    expect(refused.headers.has("traceresponse")).toBe(false);
    await eventually(() => expect(lines(marimba, { request_id: "order-4712" })).toHaveLength(2));
    expect(lines(marimba, { request_id: "order-4712" }).some((line) => "trace_id" in line)).toBe(false);
  });

  it("show as spans of one trace, from API to worker, side by side for the whole time", async () => {
    const { api, worker } = deploy({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_BSP_SCHEDULE_DELAY: "200" });
    const [{ address }] = await Promise.all([api(), worker()]);
    const traceId = newTrace();
    const answer = await generate(
      address,
      { class: 0, steps: 4 },
      { traceparent: `00-${traceId}-${callersSpan}-01`, accept: "image/png", "x-request-id": "r1" },
    );
    const told = readTraceparent(answer.headers.get("traceresponse")!)!;
    expect(told.traceId).toBe(traceId);
    const spans = await collector.trace(traceId, 8);
    const named = (name: string) => spans.find((span) => span.name === name)!;
    expect(spans.map(({ name }) => name).sort()).toEqual([
      "POST /generate",
      "batch_wait",
      "decode",
      "diffusion",
      "encode",
      "image",
      "queue",
      "transformer",
    ]);
    const [request, image] = [named("POST /generate"), named("image")];
    expect(request).toMatchObject({ parentSpanId: callersSpan, spanId: told.spanId, kind: 2, service: "marimba" });
    expect(request.attributes).toMatchObject({
      "http.request.method": "POST",
      "http.route": "/generate",
      "http.response.status_code": 200,
    });
    const job = answer.headers.get("marimba-job");
    expect(image.parentSpanId).toBe(request.spanId);
    expect(image.attributes).toMatchObject({ "marimba.job": job, "marimba.image": 0, "marimba.request_id": "r1" });
    expect([request.instance, image.instance].map((name) => name.split("-")[0])).toEqual(["api", "worker"]);

    const timing = Object.fromEntries(
      [...answer.headers.get("server-timing")!.matchAll(/(\w+);dur=([\d.]+)/g)].map(([, name, ms]) => [
        name,
        Number(ms),
      ]),
    );
    let at = image.startMs;
    for (const name of ["queue", "batch_wait", "transformer", "diffusion", "decode", "encode"]) {
      const part = named(name);
      expect(part.parentSpanId).toBe(image.spanId);
      expect(part.startMs).toBeCloseTo(at, 1);
      expect(part.endMs - part.startMs).toBeCloseTo(timing[name]!, 1);
      at = part.endMs;
    }
    expect(image.endMs).toBeCloseTo(at, 1);
  });

  it("show what went wrong: a refusal by its code, an image by its error; probes and scrapes not at all", async () => {
    const { start } = deploy({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_SERVICE_NAME: "pictures" });
    const serve = start("serve");
    const address = await serve.address();
    await serve.prints(/^Ready/m);
    for (const path of ["/health/live", "/metrics"]) await fetch(address + path);
    const refused = await generate(address, { class: -1 });
    const late = await accepted(address, { class: 0, steps: 64, diffusion_steps: 1000, deadline_ms: 500 });
    expect(await jobWhere(late, hasEnded)).toMatchObject({ state: "failed" });
    // What was not sent yet is sent at the end.
    serve.kill("SIGTERM");
    expect(await serve.ended).toMatchObject({ code: 0 });
    const spans = collector.spans.filter(({ service }) => service === "pictures");
    const { traceId } = readTraceparent(refused.headers.get("traceresponse")!)!;
    const [request] = spans.filter((span) => span.traceId === traceId);
    expect(request!.attributes).toMatchObject({ "error.type": "invalid_request", "http.response.status_code": 400 });
    expect(request!.parentSpanId).toBeUndefined();
    expect(spans.some(({ attributes }) => /health|metrics/.test(String(attributes["url.path"])))).toBe(false);
    for (const image of spans.filter(({ name }) => name === "image")) expect(image.status).toBe(2);
  });

  it("do no harm if the collector is not reachable, which is logged once", async () => {
    const { start } = deploy({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9", OTEL_BSP_SCHEDULE_DELAY: "50" });
    const serve = start("serve");
    const address = await serve.address();
    await serve.prints(/^Ready/m);
    for (const seed of [1, 2, 3]) expect((await generate(address, { class: 0, seed })).status).toBe(200);
    await eventually(() => expect(serve.stderr).toMatch(/Can't send traces/));
    expect((await generate(address, { class: 0, seed: 4 })).status).toBe(200);
    serve.kill("SIGTERM");
    const { code, stderr } = await serve.ended;
    expect(code).toBe(0);
    expect(stderr.match(/Can't send traces/g)).toHaveLength(1);
  });

  it("need a valid address", async () => {
    const { start } = deploy({ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" });
    expect(await start("serve").ended).toMatchObject({
      code: 1,
      stderr: /OTEL_EXPORTER_OTLP_ENDPOINT is "collector:4318"; it must be/,
    });
  });
});

describe("OpenTelemetry's SDK", () => {
  it("is loaded only if a collector is configured", async () => {
    const { start } = deploy({ NODE_DEBUG: "esm" });
    const [without, having] = [start("serve"), start("serve", { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint })];
    await Promise.all([without.prints(/^Ready/m), having.prints(/^Ready/m)]);
    const sdk = /sdk-trace-base|exporter-trace-otlp/;
    expect(having.stderr).toMatch(sdk);
    expect(without.stderr).not.toMatch(sdk);
  });
});
