import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { previewChoice } from "../../../src/api/openai/image-stream.js";
import { JobFailure } from "../../../src/queue/queue.js";
import { exampleImageOf } from "../../queue/example-job.js";
import { exampleApi, holdingHandler } from "../example-api.js";

type Api = Awaited<ReturnType<typeof exampleApi>>;
const generate = ({ app }: Api, payload: object) =>
  app.inject({ method: "POST", url: "/v1/images/generations", payload });

describe("a streamed response", () => {
  const events = (text: string) =>
    text
      .split("\n\n")
      .filter((block) => block.startsWith("event:"))
      .map((block) => {
        const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(block)!;
        return { name, data: JSON.parse(data!) };
      });

  it("has the requested partial images, then the image", async () => {
    const { handler, held } = holdingHandler();
    const api = await exampleApi({ handler });
    const answer = generate(api, { prompt: "a star", stream: true, partial_images: 2, seed: 1 });
    await expect.poll(() => held.length).toBe(1);
    const image = held[0]!;
    await expect.poll(() => image.context.wantsPreview()).toBe(true);
    for (let step = 1; step <= 8; step++) {
      const bytes = new Uint8Array([step]);
      image.context.preview({ imageIndex: 0, step, of: 8, bytes, contentType: "image/png" });
      // Of previews in one go, only the newest is told.
      await new Promise(setImmediate);
    }
    image.complete();
    const { headers, body, statusCode } = await answer;
    expect({ statusCode, type: headers["content-type"] }).toEqual({ statusCode: 200, type: "text/event-stream" });
    expect(headers).toMatchObject({ "marimba-job": image.spec.id, "marimba-seed": "1", "x-accel-buffering": "no" });
    const looks = { background: "opaque", output_format: "png", quality: "auto", size: "128x128" };
    const partial = (index: number, step: number) => ({
      name: "image_generation.partial_image",
      data: {
        type: "image_generation.partial_image",
        b64_json: Buffer.from([step]).toString("base64"),
        partial_image_index: index,
        image_index: 0,
        created_at: expect.any(Number),
        ...looks,
      },
    });
    const b64_json = Buffer.from(exampleImageOf(image).bytes).toString("base64");
    const usage = expect.objectContaining({ output_tokens: 16, total_tokens: 16 });
    const type = "image_generation.completed";
    const shown = { b64_json, image_index: 0, created_at: expect.any(Number), preset: "fast" };
    const completed = { name: type, data: { type, ...shown, usage, ...looks } };
    expect(events(body)).toEqual([partial(0, 3), partial(1, 6), completed]);
    await api.close();
  });

  it("shows each of several images, counting its own partial images", async () => {
    const { handler, held } = holdingHandler();
    const api = await exampleApi({ handler });
    const webp = { output_format: "webp", prompt: "star", n: 2 };
    const answer = generate(api, { ...webp, stream: true, partial_images: 1 });
    await expect.poll(() => held.length).toBe(2);
    await expect.poll(() => held[1]!.context.wantsPreview()).toBe(true);
    for (const imageIndex of [1, 0, 1]) {
      const preview = { imageIndex, step: 5, of: 8, bytes: new Uint8Array([imageIndex]), contentType: "image/png" };
      held[imageIndex]!.context.preview(preview);
      await new Promise(setImmediate);
    }
    for (const image of held) image.complete();
    const shown = events((await answer).body).map(({ data }) => {
      const { type, image_index, partial_image_index, output_format } = data;
      return [type, image_index, partial_image_index, output_format];
    });
    expect(shown).toEqual([
      ["image_generation.partial_image", 1, 0, "png"],
      ["image_generation.partial_image", 0, 0, "png"],
      ["image_generation.completed", 0, undefined, "webp"],
      ["image_generation.completed", 1, undefined, "webp"],
    ]);
    await api.close();
  });

  it("ends with one event for each image; addresses do not fit into it, so it reports that it has bytes", async () => {
    const api = await exampleApi();
    const { body } = await generate(api, { prompt: "star", n: 2, stream: true, response_format: "url", seed: 1 });
    const adjusted = [{ param: "response_format", message: "is b64_json in a stream" }];
    expect(events(body)).toEqual(
      [0, 1].map((index) => {
        const b64_json = Buffer.from([1, index]).toString("base64");
        const data = expect.objectContaining({ b64_json, image_index: index, adjusted });
        return { name: "image_generation.completed", data };
      }),
    );
    await api.close();
  });

  it("requests no previews unless they are wanted, and sends heartbeats", async () => {
    const { handler, held } = holdingHandler();
    const api = await exampleApi({ handler, limits: { heartbeatMs: 20 } });
    const answer = generate(api, { prompt: "star", stream: true });
    await expect.poll(() => held.length).toBe(1);
    await sleep(100); // several heartbeats
    expect(held[0]!.context.wantsPreview()).toBe(false);
    held[0]!.complete();
    const { body } = await answer;
    expect(body).toMatch(/^(: heartbeat\n\n)+event: image_generation\.completed\n/);
    expect(events(body)).toHaveLength(1);
    await api.close();
  });

  it("ends with an error event where the job fails, and when the server shuts down", async () => {
    const { handler, held } = holdingHandler();
    const api = await exampleApi({ handler });
    const failing = generate(api, { prompt: "star", stream: true });
    await expect.poll(() => held.length).toBe(1);
    held[0]!.fail(new JobFailure({ code: "generation_failed", detail: "A run failed." }));
    const error = { message: "A run failed.", type: "server_error", param: null, code: "generation_failed" };
    expect(events((await failing).body)).toEqual([{ name: "error", data: { error } }]);

    const address = await api.listen();
    const init = { method: "POST", headers: { "content-type": "application/json" } };
    const stopped = await fetch(`${address}/v1/images/generations`, {
      ...init,
      body: JSON.stringify({ prompt: "star", stream: true }),
    });
    await expect.poll(() => held.length).toBe(2);
    const closing = api.app.close();
    const body = await stopped.text();
    // The head did not wait for the first event or heartbeat.
    expect(body).not.toMatch(/heartbeat/);
    const [event] = events(body);
    expect(event).toMatchObject({ name: "error", data: { error: { code: "shutting_down", type: "server_error" } } });
    await closing;
    expect((await api.queue.get(held[1]!.spec.id)).kind === "found" && held[1]!.context.signal.aborted).toBe(true);
    await api.close();
  });

  it("refuses what is wrong before it begins, with the status", async () => {
    const api = await exampleApi();
    const answer = await generate(api, { prompt: "dragon", stream: true });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().error.code).toBe("unknown_class");
    await api.close();
  });
});

describe("which previews become partial images", () => {
  const chosen = (most: number, steps: readonly number[], of: number) => {
    const wants = previewChoice(most);
    return steps.filter((step) => wants({ step, of }));
  };
  const all = Array.from({ length: 64 }, (_, i) => i + 1);

  it.each([
    [3, all, [16, 32, 48]],
    [2, all, [22, 43]],
    [1, all, [32]],
    [0, all, []],
    [3, [40, 41, 42, 50, 60, 63, 64], [40, 50, 60]],
    [3, [64], []],
  ])("%i of %j: %j", (most, steps, expected) => {
    expect(chosen(most, steps, 64)).toEqual(expected);
  });
});
