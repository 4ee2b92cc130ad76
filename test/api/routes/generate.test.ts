import { afterEach, describe, expect, it } from "vitest";
import { JobFailure } from "../../../src/queue/queue.js";
import { eventually } from "../../eventually.js";
import { type ExampleApiOptions, exampleApi, holdingHandler } from "../example-api.js";

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

async function open(options?: ExampleApiOptions) {
  const api = await exampleApi(options);
  opened.push(api);
  return api;
}

const PNG = { accept: "image/png" };

describe("POST /generate with Accept: image/png", () => {
  it("returns the image, its seed, its job and its timings", async () => {
    const { post } = await open();
    const response = await post({ class: "star", seed: 7 }, PNG);
    expect(response.statusCode).toBe(200);
    expect([...response.rawPayload]).toEqual([7, 0]);
    expect(response.headers).toMatchObject({
      "content-type": "image/png",
      "content-length": "2",
      "marimba-seed": "7",
      "content-location": `/jobs/${response.headers["marimba-job"]}/images/0`,
      vary: "Accept, Prefer",
      "marimba-batch-size": "1.00",
      "marimba-ms-per-image": "12.00",
      "server-timing":
        "queue;dur=1.00, batch_wait;dur=2.00, transformer;dur=3.00, diffusion;dur=4.00, decode;dur=5.00, " +
        "encode;dur=6.00, total;dur=21.00",
    });
  });

  it("serves the same bytes with the same ETag under Content-Location", async () => {
    const { app, post } = await open();
    const { headers, rawPayload } = await post({ class: "star", seed: 7 }, PNG);
    const again = await app.inject({ url: String(headers["content-location"]) });
    expect(again.rawPayload).toEqual(rawPayload);
    expect(again.headers.etag).toBe(headers.etag);
  });

  it("states the seed that it drew", async () => {
    const { post } = await open();
    const seeds = await Promise.all([1, 2].map(async () => (await post({ class: 0 }, PNG)).headers["marimba-seed"]));
    expect(seeds[0]).toMatch(/^\d{1,16}$/);
    expect(seeds[0]).not.toBe(seeds[1]);
  });

  it("returns a JPEG or WebP, too, which belongs to the idempotency key", async () => {
    const { app, post } = await open();
    for (const type of ["image/jpeg", "image/webp"]) {
      const headers = { accept: type, "idempotency-key": type };
      const { rawPayload, ...response } = await post({ class: "star", seed: 7 }, headers);
      expect([response.statusCode, response.headers["content-type"]]).toEqual([200, type]);
      expect((await post({ seed: 7, class: "star" }, headers)).headers.etag).toBe(response.headers.etag);
      expect((await post({ class: "star", seed: 7 }, { ...headers, ...PNG })).json().code).toBe("idempotency_conflict");
      const again = await app.inject({ url: String(response.headers["content-location"]) });
      expect([again.headers["content-type"], again.rawPayload]).toEqual([type, rawPayload]);
    }
    const body = { class: "star", output_format: "jpeg", output_compression: 80 };
    const job = (await post(body, { prefer: "wait=9" })).json();
    expect(job).toMatchObject({
      output_format: "jpeg",
      output_compression: 80,
      preset: "fast",
      images: [{ content_type: "image/jpeg" }],
    });
    const refused = await post(body, PNG);
    expect([refused.statusCode, refused.json().code]).toEqual([406, "not_acceptable"]);
  });

  it("refuses requests for more than one image, and suggests JSON", async () => {
    const { post } = await open();
    const response = await post({ class: 0, num_images: 2, response_format: "base64" }, PNG);
    expect(response.statusCode).toBe(400);
    expect(response.json()).toMatchObject({
      code: "invalid_request",
      detail: expect.stringContaining("application/json"),
    });
    expect(response.json().errors.map((error: { pointer: string }) => error.pointer)).toEqual([
      "/num_images",
      "/response_format",
    ]);
  });

  it("answers 202 with the job when the wait is over", async () => {
    const { handler, held } = holdingHandler();
    const { post } = await open({ handler, environment: { SYNC_TIMEOUT_S: "1" } });
    const response = await post({ class: 0 }, PNG);
    expect(response.statusCode).toBe(202);
    expect(response.headers["content-type"]).toMatch("application/json");
    expect(response.headers.location).toBe(`/jobs/${response.json().id}`);
    expect(response.json().state).toBe("running");
    expect(held[0]!.context.signal.aborted).toBe(false);
  });

  it("returns the problem of a job that failed, and reveals nothing of an unexpected error", async () => {
    let thrown: unknown;
    const { post } = await open({ handler: () => Promise.reject(thrown) });
    const failing = async (error: unknown) => {
      thrown = error;
      return (await post({ class: 0 }, PNG)).json();
    };
    expect(await failing(new JobFailure({ code: "generation_failed", detail: "A run failed." }))).toMatchObject({
      status: 500,
      code: "generation_failed",
      detail: "A run failed.",
    });
    expect(await failing(new JobFailure({ code: "deadline_exceeded", detail: "Late." }))).toMatchObject({
      status: 504,
    });
    expect(await failing(new JobFailure({ code: "shutting_down", detail: "Bye." }))).toMatchObject({ status: 503 });
    const unforeseen = await failing(new Error("secret /path"));
    expect(unforeseen).toMatchObject({ status: 500, code: "generation_failed" });
    expect(JSON.stringify(unforeseen)).not.toContain("secret");
  });
});

describe("POST /generate with JSON", () => {
  it("answers 202 with the job and its Location at once", async () => {
    const { handler } = holdingHandler();
    const { app, post } = await open({ handler });
    const response = await post({ class: "Heart", steps: 3 });
    expect(response.statusCode).toBe(202);
    const job = response.json();
    expect(response.headers.location).toBe(job.links.self);
    expect(job).toMatchObject({
      model: "demo",
      num_images: 1,
      images: [],
      parameters: { class: 1, class_name: "heart", steps: 3, diffusion_steps: 10, guidance_scale: 2, order: "random" },
      links: { self: `/jobs/${job.id}`, model: "/models/demo" },
    });
    expect(new Date(job.created_at).toISOString()).toBe(job.created_at);
    expect((await app.inject({ url: job.links.self })).json().id).toBe(job.id);
  });

  it("answers with the finished job within Prefer: wait", async () => {
    const { post } = await open();
    const response = await post({ class: null, seed: 3, num_images: 2 }, { prefer: "wait=10" });
    expect(response.statusCode).toBe(200);
    expect(response.headers["preference-applied"]).toBe("wait=10");
    expect(response.headers["server-timing"]).toContain("total;dur=21.00");
    const job = response.json();
    expect(job).toMatchObject({ state: "completed", seed: 3, parameters: { class: null, class_name: null } });
    expect(job.timing.total_ms).toBe(21);
    expect(job.images).toEqual([0, 1].map((index) => expect.objectContaining({ index, content_type: "image/png" })));
    expect(job.images[1]).not.toHaveProperty("base64");
  });

  it("states both sizes if the images are scaled", async () => {
    const { post } = await open();
    const job = (await post({ class: 0, width: 512, scaling: "pixelated" })).json();
    const to = { width: 512, height: 512, scaling: "pixelated" };
    expect(job.scaled).toEqual({ from: { width: 128, height: 128 }, to });
    expect((await post({ class: 0, width: 128 })).json()).not.toHaveProperty("scaled");
    const refused = (await post({ class: 0, width: 4000, height: 0 })).json();
    expect(refused.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual(["/height", "/width"]);
  });

  it("bounds Prefer: wait by its own limit", async () => {
    const { handler } = holdingHandler();
    const { post } = await open({ handler, environment: { SYNC_TIMEOUT_S: "1" } });
    const response = await post({ class: 0 }, { prefer: "respond-async, wait=99999" });
    expect(response.statusCode).toBe(202);
    expect(response.headers["preference-applied"]).toBe("wait=1");
  });

  it("answers with a job that failed as a job, not as a problem", async () => {
    const handler = () => Promise.reject(new JobFailure({ code: "generation_failed", detail: "A run failed." }));
    const { post } = await open({ handler });
    const response = await post({ class: 0 }, { prefer: "wait=5" });
    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({
      state: "failed",
      error: { code: "generation_failed", detail: "A run failed." },
    });
  });

  it("contains the images as base64 on request, at once and later", async () => {
    const { app, post } = await open();
    const body = { class: 0, seed: 5, num_images: 2, response_format: "base64" };
    const job = (await post(body, { prefer: "wait=5" })).json();
    const images = [Buffer.from([5, 0]), Buffer.from([5, 1])].map((bytes) => bytes.toString("base64"));
    expect(job.images.map((image: { base64: string }) => image.base64)).toEqual(images);
    const later = await app.inject({ url: `${job.links.self}?response_format=base64` });
    expect(later.json().images).toEqual(job.images);
  });

  it("passes the deadline on", async () => {
    const { handler, held } = holdingHandler();
    const { post } = await open({ handler });
    await post({ class: 0, deadline_ms: 5000 });
    expect(held[0]!.spec.deadline_at! - held[0]!.spec.accepted_at).toBe(5000);
  });
});

describe("Idempotency-Key", () => {
  const key = { "idempotency-key": "order-66" };

  it("finds the job of the same request, whatever the order of its fields", async () => {
    const { post } = await open();
    const first = (await post({ class: 0, steps: 4 }, key)).json();
    const second = (await post({ steps: 4, class: 0 }, key)).json();
    expect(second).toMatchObject({ id: first.id, seed: first.seed });
  });

  it("returns the same image again, without generating it again", async () => {
    const { handler, held } = holdingHandler();
    const { post } = await open({ handler });
    const answers = [1, 2].map(() => post({ class: 0 }, { ...key, ...PNG }));
    await eventually(() => expect(held).toHaveLength(1));
    held[0]!.complete();
    const [first, second] = await Promise.all(answers);
    const third = await post({ class: 0 }, { ...key, ...PNG });
    expect(second!.rawPayload).toEqual(first!.rawPayload);
    expect(third.headers["marimba-job"]).toBe(first!.headers["marimba-job"]);
    expect(held).toHaveLength(1);
  });

  it("is a conflict with another body", async () => {
    const { post } = await open();
    await post({ class: 0 }, key);
    const response = await post({ class: 1 }, key);
    expect(response.statusCode).toBe(409);
    expect(response.json().code).toBe("idempotency_conflict");
  });

  it.each(["", "a b", "ü", "x".repeat(201)])("refuses the key %j", async (bad) => {
    const { post } = await open();
    const response = await post({ class: 0 }, { "idempotency-key": bad });
    expect(response.statusCode).toBe(400);
    expect(response.json().errors[0].pointer).toBe("/idempotency-key");
  });
});

describe("what POST /generate refuses", () => {
  it("names every fault at once", async () => {
    const { post } = await open();
    const response = await post({ seed: "7", temperature: 3, guidence_scale: 2, steps: 1.5, order: "spiral" });
    expect(response.statusCode).toBe(400);
    expect(response.headers["content-type"]).toMatch("application/problem+json");
    const { errors, ...problem } = response.json();
    expect(problem).toMatchObject({
      type: "urn:marimba:problem:invalid_request",
      status: 400,
      code: "invalid_request",
    });
    const byPointer = Object.fromEntries(
      errors.map(({ pointer, message }: { pointer: string; message: string }) => [pointer, message]),
    );
    expect(Object.keys(byPointer).sort()).toEqual([
      "/class",
      "/guidence_scale",
      "/order",
      "/seed",
      "/steps",
      "/temperature",
    ]);
    expect(byPointer["/guidence_scale"]).toContain("did you mean guidance_scale");
    expect(byPointer["/seed"]).toContain('not "7"');
    expect(byPointer["/order"]).toContain('"random" or "raster" or "checkerboard"');
  });

  it("knows its models, classes and presets", async () => {
    const { post } = await open();
    const problem = async (body: object) => {
      const { status, code, errors } = (await post(body)).json();
      return { status, code, message: errors[0].message };
    };
    expect(await problem({ class: 0, model: "dmeo" })).toEqual({
      status: 404,
      code: "unknown_model",
      message: expect.stringContaining('"demo" or "other"'),
    });
    expect(await problem({ class: "strar" })).toMatchObject({
      status: 400,
      message: expect.stringContaining('"star"'),
    });
    expect(await problem({ class: 0, preset: "slow" })).toMatchObject({ status: 400, code: "unknown_preset" });
  });

  it("says when to retry after a full queue", async () => {
    const { handler } = holdingHandler();
    const { post } = await open({ handler, maxImages: 1, environment: { MAX_QUEUED_IMAGES: "1" } });
    await post({ class: 0 });
    await post({ class: 0 });
    const response = await post({ class: 0 });
    expect(response.statusCode).toBe(429);
    expect(response.json().code).toBe("queue_full");
    expect(Number(response.headers["retry-after"])).toBeGreaterThan(0);
  });

  it("distinguishes a missing worker from a shutdown", async () => {
    const { post, queue } = await open();
    await queue.stop(0);
    const missing = await post({ class: 0 });
    expect(missing.statusCode).toBe(503);
    expect(missing.json().code).toBe("no_worker");
    const closing = await open({ deps: { readiness: () => ({ ready: false, shuttingDown: true }) } });
    const refused = await closing.post({ class: 0 });
    expect(refused.statusCode).toBe(503);
    expect(refused.json().code).toBe("shutting_down");
    for (const { headers } of [missing, refused]) expect(Number(headers["retry-after"])).toBeGreaterThan(0);
  });
});

it("any number of requests wait at once, without a warning in the log", async () => {
  const warnings: string[] = [];
  const onWarning = ({ name }: Error) => void warnings.push(name);
  process.on("warning", onWarning);
  const { held, handler } = holdingHandler();
  const { post } = await open({ handler });
  const waiting = Array.from({ length: 12 }, (_, seed) => post({ class: 0, seed }, PNG));
  await eventually(() => expect(held.length).toBeGreaterThan(0));
  for (let done = 0; done < waiting.length; done++) {
    await eventually(() => expect(held.length).toBeGreaterThan(done));
    held[done]!.complete();
  }
  for (const { statusCode } of await Promise.all(waiting)) expect(statusCode).toBe(200);
  process.off("warning", onWarning);
  expect(warnings).toEqual([]);
});
