import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { JobFailure, QueueUnavailable } from "../../../src/queue/queue.js";
import { openLogger } from "../../../src/telemetry/logging.js";
import { eventually } from "../../eventually.js";
import { exampleImage } from "../../queue/example-job.js";
import { type Family, readExposition, sum } from "../../telemetry/exposition.js";
import { exampleKey, ringOf } from "../access/example-keys.js";
import { type ExampleApiOptions, exampleApi, holdingHandler } from "../example-api.js";

let api: Awaited<ReturnType<typeof exampleApi>>;
afterEach(() => api.close());

const open = async (options: ExampleApiOptions = {}) => {
  api = await exampleApi(options);
};
const scrape = async () => (await api.app.inject("/metrics")).body;
const families = async () => readExposition(await scrape());
const requests = (text: string, labels: Record<string, string>) => sum(text, "marimba_http_requests_total", labels);

describe("GET /metrics", () => {
  it("answers in the text format of Prometheus, and is not cached", async () => {
    await open();
    const { statusCode, headers, body } = await api.app.inject("/metrics");
    expect(statusCode).toBe(200);
    expect(headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(headers["cache-control"]).toBe("no-store");
    expect(body).toMatch(/^marimba_queue_up 1$/m);
  });

  it("is for operators where the server has keys", async () => {
    const [user, operator] = [exampleKey("user"), exampleKey("operator", { isAdmin: true })];
    await open({ deps: { keys: ringOf(user, operator) } });
    const statusFor = async (headers = {}) => (await api.app.inject({ url: "/metrics", headers })).statusCode;
    expect([await statusFor(), await statusFor(user.headers), await statusFor(operator.headers)]).toEqual([
      401, 403, 200,
    ]);
  });

  it("leaves the port where it has one of its own", async () => {
    await open({ environment: { METRICS_PORT: "0" } });
    expect((await api.app.inject("/metrics")).statusCode).toBe(404);
  });

  it("counts requests by method, route and status, whatever their addresses", async () => {
    await open();
    expect((await api.post({ class: 0 }, { accept: "image/png" })).statusCode).toBe(200);
    expect((await api.post({ class: 0 })).statusCode).toBe(202);
    expect((await api.post({ class: -1 })).statusCode).toBe(400);
    for (const id of ["a", "b", "c"]) await api.app.inject(`/jobs/${id}-aaaaaaaaaa`);
    for (const path of ["/x", "/y/z", "/../etc", "/%zz", "/jobs/a/nothing"]) await api.app.inject(path);
    await api.app.inject({ method: "DELETE", url: "/models" });
    const text = await scrape();
    expect(requests(text, { method: "POST", route: "/generate", status: "200" })).toBe(1);
    expect(requests(text, { method: "POST", route: "/generate", status: "202" })).toBe(1);
    expect(requests(text, { method: "POST", route: "/generate", status: "400" })).toBe(1);
    expect(requests(text, { method: "GET", route: "/jobs/:id", status: "404" })).toBe(3);
    expect(requests(text, { route: "unmatched", status: "404" })).toBe(4);
    expect(requests(text, { route: "unmatched", status: "400" })).toBe(1);
    expect(requests(text, { method: "DELETE", route: "unmatched", status: "405" })).toBe(1);
    expect(requests(text, {})).toBe(12);
    expect(sum(text, "marimba_http_request_duration_seconds_count")).toBe(12);
  });

  it("counts problems by their code", async () => {
    await open({ environment: { MAX_QUEUED_IMAGES: "1" }, maxImages: 1, handler: holdingHandler().handler });
    for (let i = 0; i < 4; i++) await api.post({ class: 0 });
    await api.post({ class: "no such thing" });
    await api.app.inject("/nowhere");
    const text = await scrape();
    expect(sum(text, "marimba_http_problems_total", { code: "queue_full" })).toBe(2);
    expect(sum(text, "marimba_http_problems_total", { code: "unknown_class" })).toBe(1);
    expect(sum(text, "marimba_http_problems_total", { code: "not_found" })).toBe(1);
    expect(sum(text, "marimba_http_problems_total")).toBe(4);
  });

  it("counts and logs a streamed response that fails after its head as a failure", async () => {
    const lines: string[] = [];
    const failure = new JobFailure({ code: "generation_failed", detail: "A run failed." });
    const logger = openLogger("info", { write: (line) => lines.push(String(line)) });
    await open({ handler: () => Promise.reject(failure), deps: { logger } });
    const payload = { prompt: "star", stream: true };
    const answer = await api.app.inject({ method: "POST", url: "/v1/images/generations", payload });
    expect([answer.statusCode, answer.body]).toEqual([200, expect.stringContaining("event: error\n")]);
    const text = await scrape();
    expect(requests(text, { route: "/v1/images/generations" })).toBe(1);
    expect(requests(text, { route: "/v1/images/generations", status: "500" })).toBe(1);
    expect(sum(text, "marimba_http_problems_total", { code: "generation_failed" })).toBe(1);
    const line = lines.map((text) => JSON.parse(text)).find(({ msg }) => msg.startsWith("a streamed response"));
    const job = answer.headers["marimba-job"];
    expect(line).toMatchObject({ level: 40, code: "generation_failed", reason: "A run failed.", job });
    expect(line.request_id).toBe(answer.headers["x-request-id"]);
  });

  it("counts the bytes of images sent, once for each time", async () => {
    await open({ handler: async () => exampleImage(new Uint8Array(1000)) });
    const made = await api.post({ class: 0 }, { accept: "image/png" });
    const url = String(made.headers["content-location"]);
    await api.app.inject(url);
    await api.app.inject({ url, headers: { "if-none-match": String(made.headers.etag) } });
    await api.app.inject({ url, method: "HEAD" });
    expect(sum(await scrape(), "marimba_results_served_bytes_total")).toBe(2000);
  });

  it("counts a client that disconnected as 499, and invalid HTTP as a bad request", async () => {
    const { held, handler } = holdingHandler();
    await open({ handler });
    const { port } = new URL(await api.listen());
    const body = '{"class":0}';
    const head = `POST /generate HTTP/1.1\r\nHost: localhost\r\nAccept: image/png\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    const impatient = connect(Number(port), "127.0.0.1");
    impatient.write(head + body);
    await eventually(() => expect(held).toHaveLength(1));
    expect(sum(await scrape(), "marimba_http_requests_in_progress")).toBe(2);
    impatient.destroy();
    await eventually(async () => expect(requests(await scrape(), { route: "/generate", status: "499" })).toBe(1));

    const broken = connect(Number(port), "127.0.0.1");
    broken.end("this is no HTTP\r\n\r\n");
    broken.resume();
    await once(broken, "close");
    const text = await scrape();
    expect(requests(text, { method: "other", route: "unmatched", status: "400" })).toBe(1);
    expect(sum(text, "marimba_http_problems_total", { code: "invalid_request" })).toBe(1);
    // The scrape itself.
    expect(sum(text, "marimba_http_requests_in_progress")).toBe(1);
  });

  it("reports the number of open event streams, whose duration is not a latency", async () => {
    const { held, handler } = holdingHandler();
    await open({ handler });
    const address = await api.listen();
    const { id } = (await api.post({ class: 0 })).json() as { id: string };
    const streams = await Promise.all([1, 2].map(() => fetch(`${address}/jobs/${id}/events`)));
    expect(sum(await scrape(), "marimba_event_streams")).toBe(2);
    await eventually(() => expect(held).toHaveLength(1));
    held[0]!.complete();
    for (const stream of streams) await stream.text();
    await eventually(async () => expect(sum(await scrape(), "marimba_event_streams")).toBe(0));
    const text = await scrape();
    expect(requests(text, { route: "/jobs/:id/events", status: "200" })).toBe(2);
    expect(sum(text, "marimba_http_request_duration_seconds_count", { route: "/jobs/:id/events" })).toBe(0);
  });

  it("reports the whole queue, by model and state", async () => {
    const { held, handler } = holdingHandler();
    await open({ handler, maxImages: 2 });
    const { id } = (await api.post({ class: 0, num_images: 3 })).json() as { id: string };
    await api.post({ class: 0, model: "other" });
    await eventually(() => expect(held).toHaveLength(3));
    const full = await scrape();
    expect(sum(full, "marimba_queue_images", { model: "demo", state: "waiting" })).toBe(1);
    expect(sum(full, "marimba_queue_images", { model: "demo", state: "running" })).toBe(2);
    expect(sum(full, "marimba_queue_images", { model: "other", state: "running" })).toBe(1);
    expect(sum(full, "marimba_jobs_accepted_total", { model: "demo" })).toBe(1);
    expect(sum(full, "marimba_queue_capacity_images")).toBe(512);
    expect(sum(full, "marimba_queue_workers", { model: "demo" })).toBe(1);
    await api.app.inject({ method: "DELETE", url: `/jobs/${id}` });
    const after = await scrape();
    expect(sum(after, "marimba_queue_images", { model: "demo", state: "waiting" })).toBe(0);
    expect(sum(after, "marimba_jobs_ended_total", { model: "demo", state: "cancelled" })).toBe(1);
    expect(sum(after, "marimba_jobs_ended_total")).toBe(1);
    expect(sum(after, "marimba_results_stored_bytes")).toBe(4096);
  });

  it("reports nothing of an unreachable queue, promptly and without an error", async () => {
    await open();
    vi.spyOn(api.queue, "status").mockRejectedValueOnce(new QueueUnavailable("away"));
    const away = await scrape();
    expect(away).toMatch(/^marimba_queue_up 0$/m);
    expect(away).not.toMatch(
      /^marimba_(queue_(images|capacity_images|workers)|jobs_accepted_total|results_stored_bytes)[ {]/m,
    );
    vi.spyOn(api.queue, "status").mockReturnValueOnce(new Promise(() => {}));
    expect(await scrape()).toMatch(/^marimba_queue_up 0$/m);
    expect(await scrape()).toMatch(/^marimba_queue_up 1$/m);
  });

  it("has no more labels than routes, methods, statuses, codes and the registry's models", async () => {
    await open();
    const status = await api.queue.status();
    const stranger = { ...status.models[0]!, model: "of another process" };
    vi.spyOn(api.queue, "status").mockResolvedValue({ ...status, models: [...status.models, stranger] });
    for (let i = 0; i < 50; i++) {
      await api.app.inject(`/jobs/${i}${"a".repeat(20)}/images/${i}`);
      await api.app.inject(`/nowhere/${i}?x=${i}`);
      await api.post({ class: 0, model: `model-${i}` });
    }
    for (const url of ["/playground/main.js", "/playground/form.json", "/docs/static/index.css", "/docs/json", "/"])
      expect((await api.app.inject({ method: "HEAD", url })).statusCode, url).toBe(200);
    await api.app.inject({ method: "PROPFIND" as "GET", url: "/" });
    const values = (all: Family[], label: string) =>
      new Set(all.flatMap(({ samples }) => samples.flatMap(({ labels }) => labels[label] ?? [])));
    const all = await families();
    expect([...values(all, "model")].sort()).toEqual(["demo", "other"]);
    expect([...values(all, "route")].sort()).toEqual([
      "/",
      "/docs/*",
      "/generate",
      "/jobs/:id/images/:n",
      "/playground/*",
      "unmatched",
    ]);
    expect([...values(all, "method")].sort()).toEqual(["GET", "HEAD", "POST", "other"]);
  });
});
