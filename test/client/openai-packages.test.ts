import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import OpenAI, { APIError, AuthenticationError, BadRequestError, NotFoundError, toFile } from "openai";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { testPython } from "../python/environment.js";
import { runningService } from "./running-service.js";

/** Quick, and as exact as any: what a parameter of Marimba's own has to be passed on for. */
const QUICK = { seed: 7, steps: 8, diffusion_steps: 10 };

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

let service: Awaited<ReturnType<typeof runningService>>;
let expected: Buffer;
/** Of the boat, the left half is to be drawn again. */
let leftHalf: Buffer;
beforeAll(async () => {
  service = await runningService();
  expected = await service.image({ class: "boat", ...QUICK });
  const rgba = new Uint8Array(64 * 64 * 4).map((_, at) => (at % 4 === 3 && (at >> 2) % 64 >= 32 ? 255 : 0));
  leftHalf = await sharp(rgba, { raw: { width: 64, height: 64, channels: 4 } })
    .png()
    .toBuffer();
});
const pixelsOf = (png: Buffer) => sharp(png).removeAlpha().raw().toBuffer();
/** Of a 64x64 image, columns 32 to 63. */
const rightHalf = (png: Buffer) => sharp(png).extract({ left: 32, top: 0, width: 32, height: 64 }).raw().toBuffer();
afterAll(() => service?.stop());

describe("OpenAI's package from npm", () => {
  const client = (apiKey = service.key, options = {}) =>
    new OpenAI({ baseURL: `${service.address}/v1`, apiKey, ...options });
  const failure = async (call: Promise<unknown>): Promise<APIError> => {
    const error = await call.catch((thrown: unknown) => thrown);
    if (error instanceof APIError) return error;
    throw new Error(`${error} is no APIError`);
  };

  it("generates the images that POST /generate makes, Marimba's own parameters being passed on", async () => {
    const answer = await client().images.generate({ prompt: "a boat at sea", n: 2, size: "64x64", ...QUICK });
    expect(answer.data).toHaveLength(2);
    expect(Buffer.from(answer.data![0]!.b64_json!, "base64")).toEqual(expected);
    expect(answer.data![0]!.revised_prompt).toBe("boat");
    expect(answer.usage!.output_tokens).toBe(128);
  });

  it("gets JPEG and WebP, and says what it used", async () => {
    for (const output_format of ["jpeg", "webp"] as const) {
      const wishes = { output_format, output_compression: 90, quality: "low", background: "opaque" } as const;
      const answer = await client().images.generate({ prompt: "boat", ...wishes });
      expect(answer).toMatchObject({
        output_format,
        quality: "low",
        background: "opaque",
        size: "64x64",
        preset: "fast",
      });
      const image = await sharp(Buffer.from(answer.data![0]!.b64_json!, "base64")).metadata();
      expect(image).toMatchObject({ format: output_format, width: 64, height: 64 });
    }
  });

  it("gets an address that opens without the key with response_format url", async () => {
    const answer = await client().images.generate({ prompt: "boat", response_format: "url", user: "u", ...QUICK });
    const image = await fetch(answer.data![0]!.url!);
    expect(Buffer.from(await image.arrayBuffer())).toEqual(expected);
  });

  it("streams partial images", async () => {
    // Seconds: previews come a quarter of a second apart at least, and take a tenth of the time at most.
    const slow = { prompt: "boat", seed: 7, steps: 64, diffusion_steps: 300 };
    const stream = await client().images.generate({ ...slow, stream: true, partial_images: 2 });
    const events = await collect(stream);
    expect(events.map(({ type }) => type)).toEqual([
      "image_generation.partial_image",
      "image_generation.partial_image",
      "image_generation.completed",
    ]);
    expect(events.map((event) => "partial_image_index" in event && event.partial_image_index)).toEqual([0, 1, false]);
    const images = events.map(({ b64_json }) => Buffer.from(b64_json, "base64"));
    expect(new Set(images.map((bytes) => bytes.toString("base64"))).size).toBe(3);
    for (const bytes of images) expect(bytes.subarray(1, 4).toString()).toBe("PNG");
    expect(images[2]).toEqual(await service.image({ class: "boat", seed: 7, steps: 64, diffusion_steps: 300 }));
  });

  it("edits what the mask marks, and leaves the rest as it was, streaming or not", async () => {
    const [image, mask] = [await toFile(expected, "boat.png"), await toFile(leftHalf, "mask.png")];
    const edit = { image, mask, prompt: "a cat", ...QUICK };
    const answer = await client().images.edit({ ...edit, output_format: "png" });
    expect(answer).toMatchObject({ size: "64x64", usage: { input_tokens: 64, output_tokens: 64, total_tokens: 128 } });
    expect(answer).not.toHaveProperty("adjusted");
    expect(answer.data![0]!.revised_prompt).toBe("cat");
    const edited = Buffer.from(answer.data![0]!.b64_json!, "base64");
    expect((await rightHalf(edited)).equals(await rightHalf(expected))).toBe(true);
    expect((await pixelsOf(edited)).equals(await pixelsOf(expected))).toBe(false);

    const events = await collect(await client().images.edit({ ...edit, stream: true, partial_images: 1 }));
    expect(events.at(-1)).toMatchObject({ type: "image_edit.completed", image_index: 0 });
    expect(Buffer.from(events.at(-1)!.b64_json, "base64").equals(edited)).toBe(true);
  });

  it("varies an image of another size, and says what it did", async () => {
    const image = await toFile(await sharp(expected).resize(128).png().toBuffer(), "boat.png");
    const answer = await client().images.createVariation({
      image,
      n: 2,
      ...{ class: "boat", strength: 0.3, ...QUICK },
    });
    expect(answer).toMatchObject({ adjusted: [{ param: "image", message: "was scaled from 128x128 to 64x64" }] });
    const images = answer.data!.map(({ b64_json }) => Buffer.from(b64_json!, "base64"));
    expect(images).toHaveLength(2);
    expect(images[0]!.equals(images[1]!)).toBe(false);
    const two = client().images.edit({ image: [image, image], prompt: "boat" });
    expect(await failure(two)).toMatchObject({ status: 400, param: "image" });
  });

  it("lists models", async () => {
    const models = await collect(client().models.list());
    expect(models.map(({ id }) => id)).toEqual(["demo"]);
    expect(await client().models.retrieve("demo")).toEqual(models[0]);
  });

  it("throws its own errors", async () => {
    const images = client().images;
    const dragon = await failure(images.generate({ prompt: "a hart" }));
    expect(dragon).toBeInstanceOf(BadRequestError);
    expect(dragon).toMatchObject({ code: "unknown_class", param: "prompt", type: "invalid_request_error" });
    expect(dragon.message).toContain('did you mean "heart"?');
    expect(dragon.requestID).toMatch(/./);
    const size = await failure(images.generate({ prompt: "star", size: "4096x4096" }));
    expect(size).toMatchObject({ status: 400, code: "invalid_request", param: "size" });
    expect(await failure(images.generate({ prompt: "star", model: "dall-e-3" }))).toBeInstanceOf(NotFoundError);
    const stranger = await failure(client("sk-wrong").images.generate({ prompt: "star" }));
    expect(stranger).toBeInstanceOf(AuthenticationError);
    expect(stranger).toMatchObject({ status: 401, code: "unauthorized", type: "authentication_error" });
  });

  it("tries again what passes, after Retry-After, and nothing that would not help", async () => {
    const answers: number[] = [];
    const counting: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      answers.push(response.status);
      return response;
    };
    const counted = (address: string) =>
      new OpenAI({ baseURL: `${address}/v1`, apiKey: service.key, fetch: counting, maxRetries: 20 });
    const headers = { "idempotency-key": "openai-again" };
    await counted(service.address).images.generate({ prompt: "star", ...QUICK }, { headers });
    const other = counted(service.address).images.generate({ prompt: "moon", ...QUICK }, { headers });
    expect((await failure(other)).code).toBe("idempotency_conflict");
    expect(answers.splice(0)).toEqual([200, 409]);

    const narrow = await runningService({ MAX_QUEUED_IMAGES: "1", MAX_BATCH: "1", API_KEYS: "" });
    onTestFinished(narrow.stop);
    const many = Array.from({ length: 5 }, () =>
      counted(narrow.address).images.generate({ prompt: "star", quality: "medium" }),
    );
    for (const answer of await Promise.all(many)) expect(answer.data).toHaveLength(1);
    expect(answers.filter((status) => status === 200)).toHaveLength(5);
    expect(new Set(answers)).toEqual(new Set([200, 429]));
  });

  it("cancels the job when it is aborted", async () => {
    const aborting = new AbortController();
    const slow = { prompt: "boat", steps: 64, diffusion_steps: 1000 };
    const call = client().images.generate({ ...slow, stream: true, partial_images: 3 }, { signal: aborting.signal });
    const { data: stream, response } = await call.withResponse();
    for await (const event of stream) {
      expect(event.type).toBe("image_generation.partial_image");
      aborting.abort();
    }
    const url = `${service.address}/jobs/${response.headers.get("marimba-job")}`;
    const job = async () => (await fetch(url, { headers: { authorization: `Bearer ${service.key}` } })).json();
    await expect.poll(job).toMatchObject({ state: "cancelled" });
  });
});

describe("OpenAI's package from PyPI", () => {
  const script = fileURLToPath(new URL("./openai_package.py", import.meta.url));

  it("generates, edits, streams, lists models and raises its own errors", async () => {
    const images = [expected, leftHalf].map((image) => image.toString("base64"));
    const args = [script, `${service.address}/v1`, service.key, ...images];
    const { stdout } = await promisify(execFile)(testPython(), args);
    expect(stdout.trim().split("\n")).toEqual(["images", "streams", "edits", "variations", "models", "errors"]);
  });
});
