import { afterEach, describe, expect, it } from "vitest";
import type { ModelRegistry } from "../../../src/model/registry.js";
import { colours, editableManifest, maskOf, painted, pixelsOf } from "../../editing/example-images.js";
import { eventually } from "../../eventually.js";
import { exampleManifest } from "../../model/example-manifest.js";
import { type ExampleApiOptions, exampleApi, holdingHandler } from "../example-api.js";

const manifests = [editableManifest(), exampleManifest("other")];
const models: ModelRegistry = {
  default: "demo",
  list: () => manifests,
  get: (name) => manifests.find((manifest) => manifest.name === name),
  folderOf: (name) => name,
};
const image = await painted({ paint: colours }).png().toBuffer();
const mask = await maskOf((x) => x < 64);
const base64 = image.toString("base64");

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

async function open(options: ExampleApiOptions = {}) {
  const api = await exampleApi({ ...options, deps: { models } });
  opened.push(api);
  const send = (payload: object, headers: Record<string, string> = {}) =>
    api.app.inject({ method: "POST", url: "/edits", headers, payload });
  /** As a browser or curl sends a form. */
  const sendForm = async (fields: Record<string, string | Buffer>, headers: Record<string, string> = {}) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields))
      if (typeof value === "string") form.append(name, value);
      else form.append(name, new Blob([new Uint8Array(value)]), "file.png");
    const request = new Request("http://localhost", { method: "POST", body: form });
    const payload = Buffer.from(await request.arrayBuffer());
    const type = request.headers.get("content-type")!;
    return api.app.inject({ method: "POST", url: "/edits", headers: { "content-type": type, ...headers }, payload });
  };
  return { ...api, send, sendForm };
}

describe("POST /edits", () => {
  it("gives the worker the same canvas and edit, whether they come as base64, as a data URL or as files", async () => {
    const { held, handler } = holdingHandler();
    const { send, sendForm } = await open({ handler });
    const fields = { class: "heart", seed: 7, steps: 3, feather: 2, mask_grow: 0, extend: { right: 1 } };
    const texts = Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === "string" ? value : JSON.stringify(value),
    ]);
    const data = `data:image/png;base64,${base64}`;
    const answers = [
      await send({ image: base64, mask: (await maskOf((x) => x > 100)).toString("base64"), ...fields }),
      await send({ image: data, mask: (await maskOf((x) => x > 100)).toString("base64"), ...fields }),
      await sendForm({ image, mask: await maskOf((x) => x > 100), ...Object.fromEntries(texts) }),
    ];
    for (const answer of answers) expect(answer.statusCode, answer.body).toBe(202);
    expect(answers[0]!.json()).toMatchObject({
      seed: 7,
      parameters: { class: 1, steps: 3 },
      edit: { feather: 2, mask_grow: 0, strength: 1, window: { left: 32, top: 0 } },
    });
    const [first, ...others] = held;
    const { width, height, at } = await pixelsOf(first!.canvas!);
    expect([width, height, at(159, 0)[3], at(101, 5)[3], at(100, 5)]).toEqual([
      160,
      128,
      0,
      0,
      [...colours(100, 5), 255],
    ]);
    expect(others).toHaveLength(2);
    for (const { canvas, spec } of others) {
      expect(Buffer.from(canvas!).equals(Buffer.from(first!.canvas!))).toBe(true);
      expect(spec.edit).toEqual(first!.spec.edit);
    }
  });

  it("answers as POST /generate does: with the image, with the job, and once for an idempotency key", async () => {
    const { send, sendForm } = await open();
    const body = { image: base64, mask: mask.toString("base64"), class: 0, seed: 7 };
    const png = await send(body, { accept: "image/png" });
    expect([png.statusCode, png.headers["marimba-seed"], [...png.rawPayload]]).toEqual([200, "7", [7, 0]]);
    const form = await sendForm({ image, mask, class: "0", seed: "7" }, { prefer: "wait=5" });
    expect(form.json()).toMatchObject({ state: "completed", seed: 7 });
    const key = { "idempotency-key": "k" };
    const [first, again, other] = [
      await send(body, key),
      await send(body, key),
      await send(
        {
          ...body,
          image: (
            await painted({ paint: () => [1, 2, 3] })
              .png()
              .toBuffer()
          ).toString("base64"),
        },
        key,
      ),
    ];
    expect(again.json().id).toBe(first.json().id);
    expect(other.json().code).toBe("idempotency_conflict");
  });

  it("refuses what does not fit, with pointers", async () => {
    const { send, sendForm } = await open();
    const good = { image: base64, mask: mask.toString("base64"), class: 0 };
    const pointers = async (body: object) => {
      const answer = await send(body);
      const { errors = [] } = answer.json();
      return [answer.statusCode, ...errors.map(({ pointer }: { pointer: string }) => pointer)];
    };
    expect(await pointers({ class: 0 })).toEqual([400, "/image"]);
    expect((await send({ class: 0 })).json().errors[0].message).toBe(
      "is required: a file in a form, or base64 or a data URL in JSON",
    );
    expect(await pointers({ ...good, image: "&&&" })).toEqual([400, "/image"]);
    expect(await pointers({ ...good, image: "data:image/png,abc" })).toEqual([400, "/image"]);
    expect(await pointers({ ...good, mask: "aGVsbG8=" })).toEqual([400, "/mask"]);
    expect(await pointers({ ...good, width: 64, strength: 0, extend: { left: 1, right: 1 } })).toEqual([
      400,
      "/width",
      "/strength",
      "/extend",
    ]);
    expect(await pointers({ ...good, class: "nothing" })).toEqual([400, "/class"]);
    expect(await pointers({ ...good, model: "other" })).toEqual([400, "/model"]);
    expect(await pointers({ ...good, mask: undefined })).toEqual([400, "/mask"]);
    const form = await sendForm({ image, mask, class: "0", steps: "many" });
    expect(form.json().errors).toEqual([{ pointer: "/steps", message: expect.stringContaining('not "many"') }]);
  });

  it("refuses forms that are broken, too large, or repeat a file", async () => {
    const { app, sendForm } = await open();
    const type = "multipart/form-data; boundary=x";
    const raw = async (payload: string, headers = {}) => {
      const answer = await app.inject({
        method: "POST",
        url: "/edits",
        headers: { "content-type": type, ...headers },
        payload,
      });
      return [answer.statusCode, answer.json().code];
    };
    const part = (name: string, more = "") =>
      `--x\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\nabc\r\n`;
    const ended = `${part("class")}--x--\r\n`;
    expect(await raw(ended)).toEqual([400, "invalid_request"]);
    for (const broken of ["", "abc", part("class"), part("image", '; filename="a"'), ended.replace("--x--", "--y--")])
      expect(await raw(broken), broken).toEqual([400, "invalid_request"]);
    expect(await raw(part("class"), { "content-type": "multipart/form-data" })).toEqual([400, "invalid_request"]);
    expect(await raw(`${part("__proto__")}--x--`)).toEqual([400, "invalid_request"]);
    expect(await raw(`${part("a").repeat(200)}--x--\r\n`)).toEqual([413, "body_too_large"]);
    expect(await raw(`${part("a", '; filename="f"').repeat(20)}--x--\r\n`)).toEqual([413, "body_too_large"]);
    expect((await sendForm({ image: Buffer.alloc(17 * 1024 * 1024), class: "0" })).statusCode).toBe(413);
    for (const field of ["image", "mask"]) {
      const payload = `${part("class")}${part(field, '; filename="f"').repeat(2)}--x--\r\n`;
      const twice = await app.inject({ method: "POST", url: "/edits", headers: { "content-type": type }, payload });
      const message = `must be one file, in one field named ${field}`;
      expect(twice.json()).toMatchObject({ status: 400, errors: [{ pointer: `/${field}`, message }] });
    }
  });

  it("takes no form from a page of another origin, which a browser would send without asking first", async () => {
    const { sendForm } = await open({ environment: { CORS_ORIGINS: "https://app.example" } });
    const fields = { image, mask, class: "0" };
    const status = async (headers: Record<string, string>) =>
      (await sendForm(fields, { host: "localhost", ...headers })).statusCode;
    const other = await sendForm(fields, { origin: "https://evil.example", "sec-fetch-site": "cross-site" });
    expect(other.json()).toMatchObject({ status: 403, code: "forbidden", title: "This is not allowed" });
    expect(await status({ origin: "http://evil.example" })).toBe(403);
    expect(await status({ origin: "null" })).toBe(403);
    expect(await status({ origin: "https://app.example", "sec-fetch-site": "cross-site" })).toBe(202);
    expect(await status({ origin: "http://localhost", "sec-fetch-site": "same-origin" })).toBe(202);
    expect(await status({ origin: "http://localhost" })).toBe(202);
    expect(await status({})).toBe(202);
  });

  it("is a 429 while unfinished jobs' images take up the memory, and a 400 for one that can never fit", async () => {
    const { held, handler } = holdingHandler();
    const { send } = await open({ handler, environment: { MAX_CANVAS_BYTES: "60000" } });
    const body = { image: base64, mask: mask.toString("base64"), class: 0 };
    expect((await send(body)).statusCode).toBe(202);
    expect(held[0]!.canvas!.byteLength).toBeGreaterThan(30_000);
    const full = await send(body);
    expect([full.statusCode, full.json().code, full.headers["retry-after"]]).toEqual([429, "queue_full", "5"]);
    expect(full.json().detail).toContain("MAX_CANVAS_BYTES");
    const wide = (await painted({ width: 1000, paint: colours }).png().toBuffer()).toString("base64");
    const never = await send({ image: wide, class: 0, extend: { left: 2 } });
    expect([never.statusCode, never.json().errors[0].pointer]).toEqual([400, "/image"]);
    held[0]!.complete();
    await eventually(async () => expect((await send(body)).statusCode).toBe(202));
  });
});

describe("GET /models", () => {
  it("says which models can edit, and how large their tokens are", async () => {
    const { app } = await open();
    const { models } = (await app.inject({ url: "/models" })).json();
    expect(models).toMatchObject([
      { id: "demo", can_edit: true, token_width: 32, token_height: 32 },
      { id: "other", can_edit: false },
    ]);
  });
});
