import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OpenAiImageRequest } from "../../../src/api/openai/request-schemas.js";
import { JobFailure } from "../../../src/queue/queue.js";
import { exampleApi, holdingHandler } from "../example-api.js";

type Api = Awaited<ReturnType<typeof exampleApi>>;
const generate = ({ app }: Api, payload: object, headers: Record<string, string> = {}) =>
  app.inject({ method: "POST", url: "/v1/images/generations", headers, payload });

describe("POST /v1/images/generations", () => {
  let api: Api;
  beforeAll(async () => {
    api = await exampleApi({ environment: { MAX_IMAGES_PER_JOB: "4", ALLOW_ANONYMOUS: "true" } });
  });
  afterAll(() => api.close());

  it("returns the same bytes as POST /generate for the same request", async () => {
    const own = { seed: 3, steps: 4, guidance_scale: 1.5, preset: "fast", order: "raster", priority: "high" };
    const answer = await generate(api, { prompt: "a star", n: 2, ...own });
    expect(answer.statusCode, answer.body).toBe(200);
    const body = { class: "star", num_images: 2, response_format: "base64", ...own };
    const job = (await api.post(body, { prefer: "wait=9" })).json();
    expect(job.parameters).toMatchObject({ class: 0, steps: 4, guidance_scale: 1.5, order: "raster" });
    expect(answer.json()).toEqual({
      created: expect.any(Number),
      data: job.images.map(({ base64 }: { base64: string }) => ({ b64_json: base64, revised_prompt: "star" })),
      background: "opaque",
      output_format: "png",
      quality: "auto",
      preset: "fast",
      size: "128x128",
      usage: {
        input_tokens: 0,
        output_tokens: 32,
        total_tokens: 32,
        input_tokens_details: { image_tokens: 0, text_tokens: 0 },
        output_tokens_details: { image_tokens: 32, text_tokens: 0 },
      },
    });
    expect(Math.abs(answer.json().created - Date.now() / 1000)).toBeLessThan(60);
    expect(answer.headers).toMatchObject({ "marimba-seed": "3", "cache-control": "no-store" });
    const made = (await api.app.inject({ url: `/jobs/${answer.headers["marimba-job"]}` })).json();
    expect(made).toMatchObject({ parameters: job.parameters, seed: 3, num_images: 2 });
  });

  it("accepts null for every field but prompt, and fields that ask for what Marimba does anyway", async () => {
    const optional = Object.keys(OpenAiImageRequest.properties).filter((name) => name !== "prompt" && name !== "class");
    const nothing = Object.fromEntries(optional.map((name) => [name, null]));
    const absent = await generate(api, { prompt: "star", ...nothing });
    expect(absent.statusCode, absent.body).toBe(200);
    const stated = {
      output_format: "png",
      background: "opaque",
      quality: "standard",
      moderation: "low",
      user: "u1",
      safety_identifier: "s",
    };
    for (const size of ["128x128", "auto", ""]) {
      const answer = await generate(api, { prompt: "star", size, n: "1", output_compression: 100, ...stated });
      expect(answer.json()).toMatchObject({ size: "128x128", quality: "auto" });
      expect(answer.json()).not.toHaveProperty("generated_size");
      expect(answer.json()).not.toHaveProperty("adjusted");
    }
  });

  it("scales images to the size, and states both", async () => {
    const answer = await generate(api, { prompt: "star", size: "1792x1024", scaling: "smooth" });
    expect(answer.json()).toMatchObject({ size: "1792x1024", generated_size: "128x128" });
    const { scaled } = (await api.app.inject({ url: `/jobs/${answer.headers["marimba-job"]}` })).json();
    expect(scaled.to).toEqual({ width: 1792, height: 1024, scaling: "smooth" });
  });

  it("chooses a preset by the quality and names it, unless the request names one or the model has none", async () => {
    const answer = async (fields: object) => {
      const answer = await generate(api, { prompt: "star", ...fields });
      const { parameters } = (await api.app.inject({ url: `/jobs/${answer.headers["marimba-job"]}` })).json();
      const { quality, preset, adjusted } = answer.json();
      return { quality, preset, adjusted, steps: parameters.steps };
    };
    expect(await answer({ quality: "low" })).toEqual({ quality: "low", preset: "fast", steps: 4 });
    expect(await answer({ quality: "low", steps: 3 })).toEqual({ quality: "low", preset: "fast", steps: 3 });
    expect(await answer({ quality: "max" })).toEqual({
      quality: "high",
      preset: "best",
      steps: 16,
      adjusted: [{ param: "quality", message: "is high" }],
    });
    for (const quality of ["hd", "high"]) {
      expect(await answer({ quality })).toEqual({ quality: "high", preset: "best", steps: 16 });
    }
    const adjusted = (message: string) => [{ param: "quality", message }];
    const overridden = { quality: "auto", preset: "best", steps: 16, adjusted: adjusted("gives way to preset") };
    expect(await answer({ quality: "low", preset: "best" })).toEqual(overridden);
    const lacks = adjusted("has no effect: other has no presets");
    expect(await answer({ quality: "low", model: "other", prompt: "3" })).toEqual({
      quality: "auto",
      steps: 8,
      adjusted: lacks,
    });
  });

  it("encodes images in the format that is asked for; their addresses end in it", async () => {
    for (const output_format of ["jpeg", "webp"]) {
      const wishes = { prompt: "star", output_format, output_compression: 30 };
      const { data, ...facts } = (await generate(api, { ...wishes, response_format: "url" })).json();
      expect(facts).toMatchObject({ output_format });
      expect(facts).not.toHaveProperty("adjusted");
      const { pathname } = new URL(data[0].url);
      expect(pathname).toMatch(new RegExp(`/image\\.${output_format}$`));
      expect((await api.app.inject({ url: pathname })).headers["content-type"]).toBe(`image/${output_format}`);
      const other = await api.app.inject({ url: pathname.replace(/[a-z]+$/, "png") });
      expect(other.statusCode).toBe(404);
      expect(other.json()).toMatchObject({ code: "image_not_found", detail: expect.stringContaining(output_format) });
      const job = (await api.app.inject({ url: pathname.replace(/\/images.*/, "") })).json();
      expect(job).toMatchObject({ output_format, output_compression: 30 });
    }
  });

  it("serves as near as possible what OpenAI documents, and reports it", async () => {
    const wishes = { style: "vivid", background: "transparent", output_format: "svg", output_compression: 50 };
    const answer = await generate(api, { prompt: "star", partial_images: 2, input_fidelity: "high", ...wishes });
    expect(answer.json()).toMatchObject({ background: "opaque", output_format: "png" });
    expect(answer.json().adjusted).toEqual([
      { param: "style", message: "has no effect" },
      { param: "input_fidelity", message: "has no effect" },
      { param: "background", message: "is opaque" },
      { param: "output_format", message: "is png" },
      { param: "output_compression", message: "has no effect: PNG is lossless" },
      { param: "partial_images", message: "has no effect without stream" },
    ]);
  });

  it("prefers class to the prompt, which allows unconditional images", async () => {
    const answer = await generate(api, { prompt: "whatever", class: null });
    expect(answer.json().data).toEqual([{ b64_json: expect.any(String) }]);
    expect((await generate(api, { prompt: "star", class: 1 })).json().data[0].revised_prompt).toBe("heart");
  });

  it("returns absolute addresses of the bytes", async () => {
    const payload = { prompt: "heart", n: 2, response_format: "url" };
    const { data } = (await generate(api, payload, { host: "pictures.example:8443" })).json();
    expect(data).toHaveLength(2);
    for (const [i, { url, b64_json }] of data.entries()) {
      expect(b64_json).toBeUndefined();
      expect(url).toMatch(new RegExp(`^http://pictures\\.example:8443/jobs/[^/]+/images/${i}/image.png$`));
      const image = await api.app.inject({ url: new URL(url).pathname });
      expect(image.headers["content-type"]).toBe("image/png");
    }
  });

  it.each([
    [{}, "prompt", /is required/],
    [{ prompt: "" }, "prompt", /1 to 32000 characters/],
    [{ prompt: "dragon" }, "prompt", /must name a class of demo/],
    [{ prompt: "star", class: "dragon" }, "class", /a class name of demo/],
    [{ prompt: "star", size: "4096x64" }, "size", /"auto" or WIDTHxHEIGHT .* each from 1 to 2048, not "4096x64"/],
    [{ prompt: "star", size: "0x64" }, "size", /each from 1 to 2048/],
    [{ prompt: "star", size: "large" }, "size", /each from 1 to 2048/],
    [{ prompt: "star", size: "200x200", scaling: "pixelated" }, "scaling", /a multiple of 128x128/],
    [{ prompt: "star", width: 256 }, "width", /is not a known field/],
    [{ prompt: "star", n: 0 }, "n", /at least 1/],
    [{ prompt: "star", n: 5 }, "n", /from 1 to 4, not 5/],
    [{ prompt: "star", n: "5" }, "n", /from 1 to 4, not "5"/],
    [{ prompt: "star", n: "two" }, "n", /an integer/],
    [{ prompt: "star", stream: true, partial_images: 4 }, "partial_images", /from 0 to 3/],
    [{ prompt: "star", output_format: "avif" }, "output_format", /"png"/],
    [{ prompt: "star", background: "red" }, "background", /"opaque"/],
    [{ prompt: "star", quality: "best" }, "quality", /"auto"/],
    [{ prompt: "star", max_tokens: 5 }, "max_tokens", /is not a known field/],
    [{ prompt: "star", steps: 99 }, "steps", /from 1 to 16/],
    [{ prompt: "star", preset: "none" }, "preset", /must be "fast"/],
    [{ prompt: "star", guidance: 2 }, "guidance", /did you mean guidance_scale/],
    [{ prompt: "star", num_images: 2 }, "num_images", /is not a known field/],
  ])("refuses %j, naming %s", async (payload, param, message) => {
    const answer = await generate(api, payload);
    expect(answer.statusCode).toBe(400);
    expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
    const error = { message: expect.stringMatching(message), type: "invalid_request_error", param };
    expect(answer.json()).toEqual({ error: { ...error, code: expect.any(String) } });
  });

  it("has all its errors in OpenAI's shape, also those of broken requests", async () => {
    const post = { method: "POST", url: "/v1/images/generations" } as const;
    const json = { "content-type": "application/json" };
    const answers = [
      [404, "unknown_model", await generate(api, { prompt: "star", model: "dall-e-3" })],
      [400, "malformed_json", await api.app.inject({ ...post, headers: json, payload: "{" })],
      [415, "unsupported_media_type", await api.app.inject({ ...post, payload: "prompt=star" })],
      [413, "body_too_large", await generate(api, { prompt: "x".repeat(600_000) })],
      [405, "method_not_allowed", await api.app.inject({ method: "GET", url: "/v1/images/generations" })],
      [404, "not_found", await api.app.inject({ url: "/v1/chat/completions" })],
      [404, "not_found", await api.app.inject({ url: "/v1" })],
      [404, "unknown_model", await api.app.inject({ url: "/v1/models/dall-e-3" })],
      [400, "invalid_request", await api.app.inject({ url: "/v1/models/%ff" })],
      [414, "uri_too_long", await api.app.inject({ url: `/v1/models?${"x".repeat(5000)}` })],
      [400, "invalid_request", await generate(api, { prompt: "\u{1f408}".repeat(32_001) })],
    ] as const;
    for (const [status, code, answer] of answers) {
      expect(answer.statusCode, code).toBe(status);
      const type = "invalid_request_error";
      expect(answer.json()).toMatchObject({ error: { code, type, message: expect.any(String) } });
    }
    expect(answers[4][2].headers.allow).toBe("POST");
    expect((await api.app.inject({ url: "/v10/models" })).json()).toMatchObject({ title: expect.any(String) });
  });

  it("finds the job of an idempotency key again", async () => {
    const headers = { "idempotency-key": "one" };
    const [first, again] = [
      await generate(api, { prompt: "star" }, headers),
      await generate(api, { prompt: "star" }, headers),
    ];
    expect(again.headers["marimba-job"]).toBe(first.headers["marimba-job"]);
    expect(again.json()).toEqual(first.json());
    const other = await generate(api, { prompt: "heart" }, headers);
    expect(other.json().error).toMatchObject({ code: "idempotency_conflict", type: "invalid_request_error" });
    expect(other.headers["x-should-retry"]).toBe("false");
  });

  it("lists models", async () => {
    const model = (id: string) => ({ id, object: "model", created: 0, owned_by: "marimba" });
    const list = { object: "list", data: [model("demo"), model("other")] };
    expect((await api.app.inject({ url: "/v1/models" })).json()).toEqual(list);
    expect((await api.app.inject({ url: "/v1/models/other" })).json()).toEqual(model("other"));
  });
});

describe("a job that does not end well", () => {
  const states = async ({ app }: Api, id: unknown) => (await app.inject({ url: `/jobs/${id}` })).json();

  it("is an error of its status", async () => {
    const failure = new JobFailure({ code: "generation_failed", detail: "A run failed." });
    const api = await exampleApi({ handler: () => Promise.reject(failure) });
    const answer = await generate(api, { prompt: "star" });
    expect(answer.statusCode).toBe(500);
    const error = { message: "A run failed.", type: "server_error", param: null, code: "generation_failed" };
    expect(answer.json()).toEqual({ error });
    expect(answer.headers["x-should-retry"]).toBe("false");
    await api.close();
  });

  it("is refused with Retry-After where the queue is full", async () => {
    const { handler, held } = holdingHandler();
    const api = await exampleApi({ handler, maxImages: 1, environment: { MAX_QUEUED_IMAGES: "1" } });
    const first = generate(api, { prompt: "star" });
    await expect.poll(() => held.length).toBe(1);
    const second = generate(api, { prompt: "star" });
    await expect.poll(async () => (await api.queue.stats()).waitingImages).toBe(1);
    const full = await generate(api, { prompt: "star" });
    expect(full.statusCode).toBe(429);
    expect(full.json().error).toMatchObject({ type: "rate_limit_error", code: "queue_full", param: null });
    expect(Number(full.headers["retry-after"])).toBeGreaterThan(0);
    expect(full.headers["x-should-retry"]).toBeUndefined();
    held[0]!.complete();
    await expect.poll(() => held.length).toBe(2);
    held[1]!.complete();
    expect([(await first).statusCode, (await second).statusCode]).toEqual([200, 200]);
    await api.close();
  });

  it("is cancelled when it outlasts the wait, unless an idempotency key leads back to it", async () => {
    const { handler, held } = holdingHandler();
    const api = await exampleApi({ handler, environment: { SYNC_TIMEOUT_S: "1" } });
    const [lost, kept] = await Promise.all([
      generate(api, { prompt: "star" }),
      generate(api, { prompt: "star" }, { "idempotency-key": "again" }),
    ]);
    for (const answer of [lost, kept]) {
      expect(answer.statusCode).toBe(504);
      expect(answer.json().error).toMatchObject({ code: "deadline_exceeded", type: "server_error" });
    }
    expect(await states(api, lost.headers["marimba-job"])).toMatchObject({ state: "cancelled" });
    expect(await states(api, kept.headers["marimba-job"])).toMatchObject({ state: "running" });
    for (const image of held) image.complete();
    const back = await generate(api, { prompt: "star" }, { "idempotency-key": "again" });
    expect(back.statusCode).toBe(200);
    expect(back.headers["marimba-job"]).toBe(kept.headers["marimba-job"]);
    await api.close();
  });

  it("is cancelled when its client hangs up, streaming or not", async () => {
    const { handler, held } = holdingHandler();
    const api = await exampleApi({ handler });
    const address = await api.listen();
    for (const stream of [false, true]) {
      const leaving = new AbortController();
      const body = JSON.stringify({ prompt: "star", stream });
      const init = { method: "POST", headers: { "content-type": "application/json" }, body, signal: leaving.signal };
      const answer = fetch(`${address}/v1/images/generations`, init).then((response) => response.text());
      await expect.poll(() => held.length).toBe(stream ? 2 : 1);
      leaving.abort();
      await expect(answer).rejects.toThrow("abort");
      await expect.poll(() => held.at(-1)!.context.signal.aborted).toBe(true);
      expect(await states(api, held.at(-1)!.spec.id)).toMatchObject({ state: "cancelled" });
    }
    await api.close();
  });
});
