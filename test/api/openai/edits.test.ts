import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ImageTask } from "../../../src/queue/queue.js";
import { editableManifest } from "../../editing/example-images.js";
import { completeAtOnce, exampleApi, exampleModels } from "../example-api.js";

/** What the worker was given. */
const tasks: ImageTask[] = [];
let api: Awaited<ReturnType<typeof exampleApi>>;
beforeAll(async () => {
  const manifest = editableManifest();
  api = await exampleApi({
    deps: { models: { ...exampleModels(), list: () => [manifest], get: () => manifest } },
    handler: (task, context) => {
      tasks.push(task);
      return completeAtOnce(task, context);
    },
  });
});
afterAll(() => api.close());

type Fields = Readonly<Record<string, string | Buffer | readonly Buffer[]>>;

/** Sends a form as OpenAI's clients do: several files as `image[]`. */
async function send(path: "edits" | "variations", fields: Fields, headers: Record<string, string> = {}) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === "string") form.append(name, value);
    else
      for (const bytes of [value].flat())
        form.append(name, new Blob([new Uint8Array(bytes as Buffer)], { type: "image/png" }), "image.png");
  }
  return api.app.inject({ method: "POST", url: `/v1/images/${path}`, headers, payload: form });
}

/** A blue PNG whose upper part is transparent. */
const draw = async (width: number, height: number, transparent = 0) => {
  const opaque = { width, height: height - transparent, channels: 4, background: "#2060a0" } as const;
  const image = sharp({ create: opaque });
  return image.extend({ top: transparent, background: "#00000000" }).png().toBuffer();
};
/** Share of the last task's canvas that is drawn again. */
async function maskedShare(): Promise<number> {
  const { data, info } = await sharp(tasks.at(-1)!.canvas).raw().toBuffer({ resolveWithObject: true });
  const alphas = data.filter((_, at) => at % 4 === 3);
  expect([info.width, info.height, info.channels]).toEqual([128, 128, 4]);
  return alphas.filter((alpha) => alpha === 0).length / alphas.length;
}

describe("POST /v1/images/edits", () => {
  it("edits what is transparent in the mask, with every parameter of its own", async () => {
    const own = { steps: "4", mask_grow: "2", feather: "3", strength: "0.75", seed: "3", quality: "high" };
    const files = { image: await draw(128, 128), mask: await draw(128, 128, 32) };
    const answer = await send("edits", { ...files, prompt: "a heart", n: "2", size: "256x256", ...own });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(answer.json()).toMatchObject({
      data: [{ revised_prompt: "heart" }, { revised_prompt: "heart" }],
      size: "256x256",
      generated_size: "128x128",
      quality: "high",
      preset: "best",
      usage: { input_tokens: 16, output_tokens: 32, total_tokens: 48 },
    });
    expect(answer.json()).not.toHaveProperty("adjusted");
    expect(await maskedShare()).toBe(0.25);
    const { spec } = tasks.at(-1)!;
    expect(spec).toMatchObject({
      version: 3,
      seed: 3,
      parameters: { class: 1, steps: 4 },
      output_size: { width: 256, height: 256 },
      edit: { window: { left: 0, top: 0 }, mask_grow: 2, feather: 3, strength: 0.75 },
    });
  });

  it("draws the class that the prompt names last, which is what the image is to become", async () => {
    const prompts = { "replace the heart with a star": 0, "turn the star into a heart": 1, "the HEART": 1 };
    for (const [prompt, index] of Object.entries(prompts)) {
      await send("edits", { image: await draw(128, 128, 8), prompt });
      expect(tasks.at(-1)!.spec.parameters.class, prompt).toBe(index);
    }
    await send("edits", { image: await draw(128, 128, 8), prompt: "a heart", class: "null" });
    expect(tasks.at(-1)!.spec.parameters.class).toBe(null);
  });

  it("takes OpenAI's JSON with one image, as data URLs only", async () => {
    const reference = (bytes: Buffer) => ({ image_url: `data:image/png;base64,${bytes.toString("base64")}` });
    const image = reference(await draw(128, 128));
    const json = (payload: object) => api.app.inject({ method: "POST", url: "/v1/images/edits", payload });
    const body = { images: [image], mask: reference(await draw(128, 128, 32)), prompt: "a heart" };
    const answer = await json(body);
    expect(answer.statusCode, answer.body).toBe(200);
    expect(await maskedShare()).toBe(0.25);
    const varied = await json({ ...body, mask: null });
    expect(varied.json().adjusted).toEqual([{ param: "mask", message: expect.stringContaining("all was varied") }]);
    const address = { image_url: "https://example.com/a.png" };
    const cases: [object, string, RegExp][] = [
      [{ images: [image, image] }, "images", /must be one image, not 2/],
      [{ images: [address] }, "images/0/image_url", /must be a data URL: the server fetches no addresses/],
      [{ mask: address }, "mask/image_url", /must be a data URL/],
      [{ images: [{ file_id: "file-1" }] }, "images/0/image_url", /is required/],
      [{ image: image.image_url }, "images", /must be absent/],
      [{ images: undefined }, "image", /is required/],
    ];
    for (const [change, param, message] of cases) {
      const refused = await json({ ...body, ...change });
      expect(refused.json().error, param).toMatchObject({ param, message: expect.stringMatching(message) });
    }
  });

  it("streams under names of its own", async () => {
    const files = { image: await draw(128, 128, 64) };
    const { body } = await send("edits", { ...files, prompt: "star", stream: "true", partial_images: "1" });
    expect(body).toMatch(/^event: image_edit\.completed\ndata: \{"type":"image_edit\.completed",/);
    expect(await maskedShare()).toBe(0.5);
    expect(tasks.at(-1)!.spec.edit!.strength).toBe(1);
  });

  it("scales an image in the model's proportions, varies one without a mask, and says both", async () => {
    const answer = await send("edits", { "image[]": [await draw(512, 512)], prompt: "star" });
    expect(answer.json().adjusted).toEqual([
      { param: "image", message: "was scaled from 512x512 to 128x128" },
      { param: "mask", message: "is missing: all was varied, with strength 0.5" },
    ]);
    expect(await maskedShare()).toBe(1);
    expect(tasks.at(-1)!.spec.edit!.strength).toBe(0.5);
  });

  it("takes other proportions with fit", async () => {
    const files = { image: await draw(300, 200), mask: await draw(300, 200, 100) };
    const refused = await send("edits", { ...files, prompt: "star" });
    expect(refused.json().error).toMatchObject({
      param: "image",
      message: expect.stringMatching(/128 pixels wide.*`fit`/),
    });
    const answer = await send("edits", { ...files, prompt: "star", fit: "stretch" });
    expect(answer.json()).not.toHaveProperty("adjusted");
    expect(await maskedShare()).toBeCloseTo(0.5, 1);
  });

  it("finds the job of an idempotency key again, unless another file came with it", async () => {
    const fields = { prompt: "star", strength: "0.5" };
    const headers = { "idempotency-key": "edit" };
    const first = await send("edits", { ...fields, image: await draw(128, 128) }, headers);
    const again = await send("edits", { ...fields, image: await draw(128, 128) }, headers);
    expect(again.headers["marimba-job"]).toBe(first.headers["marimba-job"]);
    const other = await send("edits", { ...fields, image: await draw(128, 128, 1) }, headers);
    expect(other.json().error.code).toBe("idempotency_conflict");
  });

  it("refuses what it can't do, naming the field", async () => {
    const image = await draw(128, 128, 8);
    const cases: [Fields, string, RegExp][] = [
      [{ prompt: "star" }, "image", /is required/],
      [{ image, prompt: "star", "image[]": [image] }, "image", /one image, not 2/],
      [{ "image[]": [image, image], prompt: "star" }, "image", /one image, not 2/],
      [{ image, mask: [image, image], prompt: "star" }, "mask", /one file, in one field named mask/],
      [{ image: Buffer.from("GIF89a"), prompt: "star" }, "image", /GIF/],
      [{ image, mask: await draw(64, 64, 8), prompt: "star" }, "mask", /128x128, not 64x64/],
      [{ image }, "prompt", /is required/],
      [{ image, prompt: "dragon" }, "prompt", /must name a class/],
      [{ image, prompt: "star", steps: "many" }, "steps", /integer/],
      [{ image, prompt: "star", markup: image }, "markup", /is not a known field/],
    ];
    for (const [fields, param, message] of cases) {
      const answer = await send("edits", fields);
      expect(answer.statusCode, `${param} ${message}`).toBe(400);
      const error = { type: "invalid_request_error", param, message: expect.stringMatching(message) };
      expect(answer.json()).toMatchObject({ error });
    }
  });
});

describe("POST /v1/images/variations", () => {
  it("varies the whole image, transparent or not, without a class", async () => {
    const answer = await send("variations", { image: await draw(128, 128, 64), n: "2" });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(answer.json().data).toEqual([{ b64_json: expect.any(String) }, { b64_json: expect.any(String) }]);
    expect(await maskedShare()).toBe(1);
    const { spec } = tasks.at(-1)!;
    expect(spec).toMatchObject({ parameters: { class: null }, edit: { strength: 0.5 } });
  });

  it("takes a class and a strength as extra fields", async () => {
    const fields = { image: await draw(256, 256), class: "heart", strength: "0.25", response_format: "url" };
    const answer = await send("variations", fields);
    expect(answer.json().data[0]).toMatchObject({ url: expect.stringMatching(/image\.png$/), revised_prompt: "heart" });
    expect(answer.json().adjusted).toEqual([{ param: "image", message: "was scaled from 256x256 to 128x128" }]);
    expect(tasks.at(-1)!.spec).toMatchObject({ parameters: { class: 1 }, edit: { strength: 0.25 } });
  });
});
