import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type * as Client from "../../openapi/client/src/index.js";
import { clientTypes, readDocument, TYPES } from "../../scripts/client-types.js";
import { launchChromium, newContext } from "../browser/chromium.js";
import { FreshProject } from "./fresh-project.js";
import { runningService } from "./running-service.js";

const QUICK = { seed: 7, steps: 8, diffusion_steps: 10 };
/** Long enough to be met on the way. */
const SLOW = { class: "boat", steps: 64, diffusion_steps: 300 };

let service: Awaited<ReturnType<typeof runningService>>;
let project: FreshProject;
let client: typeof Client;
let expected: Buffer;
beforeAll(async () => {
  [service, project] = await Promise.all([runningService(), FreshProject.make()]);
  client = await import(pathToFileURL(join(project.folder, "node_modules/@marimba/client/dist/index.js")).href);
  expected = await service.image({ class: "boat", ...QUICK });
});
afterAll(async () => {
  await service?.stop();
  await project?.remove();
});

const connect = (options: Client.MarimbaClientOptions = {}) =>
  new client.MarimbaClient({ baseUrl: service.address, apiKey: service.key, ...options });

async function problemOf(call: Promise<unknown>): Promise<Client.MarimbaProblem> {
  const error = await call.catch((thrown: unknown) => thrown);
  if (error instanceof client.MarimbaProblem) return error;
  throw new Error(`${error} is no MarimbaProblem`);
}

/** A fetch that does something to the answers of its own requests, and the requests that it was given. */
function meddling(meddle: (response: Response, count: number) => Response | Promise<Response>) {
  const requests: { url: string; headers: Headers }[] = [];
  const meddled: typeof fetch = async (input, init) => {
    requests.push({ url: String(input), headers: new Headers(init?.headers) });
    const count = requests.length;
    return meddle(await fetch(input, init), count);
  };
  return { fetch: meddled, requests };
}

describe("@marimba/client", () => {
  it("has the types of the present document; `npm run openapi` writes them anew", async () => {
    expect(await readFile(TYPES, "utf8")).toBe(await clientTypes(readDocument()));
  });

  it("needs the version of its dependency that the repository tests", async () => {
    const versions = async (file: string, key: string) =>
      JSON.parse(await readFile(new URL(`../../${file}`, import.meta.url), "utf8"))[key]["eventsource-parser"];
    const used = await versions("openapi/client/package.json", "dependencies");
    expect(used).toBe(await versions("package.json", "devDependencies"));
  });

  it("is used by a fresh project, with types as strict as can be", async () => {
    const source = `
      import { MarimbaClient, MarimbaProblem, type Generation, type JobEvent } from "@marimba/client";
      const marimba = new MarimbaClient({ baseUrl: process.env.ADDRESS!, apiKey: process.env.KEY! });
      const made: Generation = await marimba.generate({ class: "boat", seed: 7, steps: 8, diffusion_steps: 10 });
      const [image] = made.images;
      const edited: Generation = await marimba.edit({ image: image.bytes, class: null, strength: 0.5, steps: 4 });
      edited.job.edit?.strength satisfies number | undefined;
      const events: JobEvent["type"][] = [];
      for await (const event of marimba.events(made.job.id)) {
        events.push(event.type);
        if (event.type === "progress") event.progress.step satisfies number;
        else if (event.type === "preview") event.preview.bytes satisfies Uint8Array;
        else event.job.state satisfies string;
      }
      let code: string | undefined;
      try {
        // @ts-expect-error: no field of that name
        await marimba.generate({ class: "boat", guidance: 2 });
      } catch (error) {
        if (error instanceof MarimbaProblem) code = error.code;
      }
      const base64 = Buffer.from(image.bytes).toString("base64");
      console.log(JSON.stringify({ base64, seed: made.seed, steps: made.parameters.steps, events, code }));
    `;
    const environment = { ADDRESS: service.address, KEY: service.key };
    expect(JSON.parse(await project.runTypeScript("program", source, environment))).toEqual({
      base64: expected.toString("base64"),
      seed: 7,
      steps: 8,
      events: ["completed"],
      code: "invalid_request",
    });
  });

  it("generates: bytes, seed, parameters and timings", async () => {
    const made = await connect().generate({ class: "boat", num_images: 2, ...QUICK });
    expect(made.images).toHaveLength(2);
    const [first, second] = made.images;
    expect(Buffer.from(first.bytes)).toEqual(expected);
    expect(second!.bytes).not.toEqual(first.bytes);
    expect(first).toMatchObject({ index: 0, contentType: "image/png", width: 64, height: 64 });
    expect(made).toMatchObject({ seed: 7, model: "demo", parameters: { class_name: "boat", steps: 8 } });
    expect(made.timing.total_ms).toBeGreaterThan(0);
    expect(made.job).toMatchObject({ state: "completed", num_images: 2 });
    expect(JSON.stringify(made.job)).not.toContain("base64");
  });

  it("submits, looks, waits, and gets images one by one", async () => {
    const marimba = connect();
    const submitted = await marimba.submit({ class: "boat", num_images: 2, ...QUICK });
    expect(submitted.id).toMatch(/^job_/);
    expect((await marimba.job(submitted.id)).id).toBe(submitted.id);
    const job = await marimba.wait(submitted.id);
    expect(job.state).toBe("completed");
    expect(Buffer.from(await marimba.image(job.id))).toEqual(expected);
    expect((await marimba.image(job.id, 1)).subarray(1, 4)).toEqual(new TextEncoder().encode("PNG"));
  });

  it("edits an image, as bytes or as a Blob: what the mask leaves stays", async () => {
    const marimba = connect();
    const side = { raw: { width: 64, height: 64, channels: 1 as const } };
    const mask = await sharp(
      Uint8Array.from({ length: 64 * 64 }, (_, i) => (i % 64 < 32 ? 255 : 0)),
      side,
    )
      .png()
      .toBuffer();
    const request = { image: expected, mask: new Blob([new Uint8Array(mask)]), class: "cat", mask_grow: 0, ...QUICK };
    const { images, job } = await marimba.edit(request);
    expect(job.edit).toMatchObject({ mask_grow: 0, strength: 1 });
    const right = async (png: Uint8Array) =>
      sharp(png).extract({ left: 32, top: 0, width: 32, height: 64 }).removeAlpha().raw().toBuffer();
    expect((await right(images[0].bytes)).equals(await right(expected))).toBe(true);
    expect(Buffer.from(images[0].bytes).equals(expected)).toBe(false);
    const submitted = await marimba.submitEdit({ image: new Uint8Array(expected), class: null, extend: { right: 1 } });
    expect((await marimba.wait(submitted.id)).images).toMatchObject([{ width: 72, height: 64 }]);
    const refused = await problemOf(marimba.edit({ image: new Uint8Array([71, 73, 70, 56]), class: 0 }));
    expect(refused.errors[0]).toMatchObject({ pointer: "/image" });
  });

  it("lists jobs, and deletes one that has ended", async () => {
    const marimba = connect();
    const { job } = await marimba.generate({ class: "boat", ...QUICK });
    const { jobs, next_cursor } = await marimba.jobs({ state: "completed", limit: 1 });
    expect(jobs.map(({ id }) => id)).toEqual([job.id]);
    const older = await marimba.jobs({ limit: 1, cursor: next_cursor! });
    expect(older.jobs[0]!.id).not.toBe(job.id);
    await marimba.deleteImages(job.id);
    await marimba.deleteImages(job.id);
    expect((await problemOf(marimba.job(job.id))).code).toBe("job_expired");
    expect((await problemOf(marimba.deleteImages("job_none"))).code).toBe("job_not_found");
  });

  it("lists models and classes", async () => {
    const { default: name, models } = await connect().models();
    expect([name, models.map(({ id }) => id)]).toEqual(["demo", ["demo"]]);
    const { classes, total } = await connect().classes("demo", { query: "m", limit: 1 });
    expect([classes, total]).toEqual([[{ index: 3, name: "moon" }], 2]);
  });
});

describe("events of a job", () => {
  it("come as they happen, with previews, to the last one", async () => {
    const marimba = connect();
    const { id } = await marimba.submit({ ...SLOW, seed: 7 });
    const events: Client.JobEvent[] = [];
    for await (const event of marimba.events(id, { previews: true })) events.push(event);
    const last = events.at(-1)!;
    expect(last).toMatchObject({ type: "completed", job: { id, state: "completed" } });
    const steps = events.flatMap((event) => (event.type === "progress" ? [event.progress.step] : []));
    expect(steps.length).toBeGreaterThan(2);
    expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b));
    const previews = events.flatMap((event) => (event.type === "preview" ? [event.preview] : []));
    expect(previews.length).toBeGreaterThan(0);
    for (const { bytes, contentType, index, of } of previews) {
      expect({ contentType, index, of }).toEqual({ contentType: "image/png", index: 0, of: 64 });
      expect(Buffer.from(bytes.subarray(1, 4)).toString()).toBe("PNG");
    }
  });

  it("go on where a connection broke, and tell nothing twice", async () => {
    const marimba = connect();
    const { id } = await marimba.submit({ ...SLOW, seed: 8 });
    // The first connection breaks after a few events.
    const breaking = meddling(({ body, status, headers }, count) => {
      let chunks = 0;
      const transform = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          controller.enqueue(chunk);
          if (count === 1 && ++chunks === 4) controller.error(new TypeError("terminated"));
        },
      });
      return new Response(body!.pipeThrough(transform), { status, headers });
    });
    const steps: number[] = [];
    const states: string[] = [];
    for await (const event of connect({ fetch: breaking.fetch }).events(id)) {
      if (event.type === "progress") steps.push(event.progress.step);
      else states.push(event.type);
    }
    expect(breaking.requests.map(({ headers }) => headers.get("last-event-id"))).toEqual([
      null,
      expect.stringMatching(/^\d+$/),
    ]);
    expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b));
    expect(states).toEqual([...new Set(states)]);
    expect(states.at(-1)).toBe("completed");
  });

  it("end when nobody wants more, the job being left alone", async () => {
    const marimba = connect();
    const { id } = await marimba.submit({ ...SLOW, seed: 9, diffusion_steps: 1000 });
    for await (const event of marimba.events(id)) if (event.type === "progress") break;
    const aborting = new AbortController();
    const watch = async () => {
      for await (const event of marimba.events(id, { signal: aborting.signal })) if (event.type) aborting.abort();
    };
    await expect(watch()).rejects.toThrow("abort");
    expect((await marimba.job(id)).state).toBe("running");
    expect((await marimba.cancel(id)).state).toBe("cancelled");
  });
});

describe("what goes wrong", () => {
  it("is told as problems with a code", async () => {
    const unknown = await problemOf(connect().generate({ class: "hart" }));
    expect(unknown).toMatchObject({ name: "MarimbaProblem", status: 400, code: "unknown_class" });
    expect(unknown.errors).toEqual([{ pointer: "/class", message: expect.stringContaining('did you mean "heart"?') }]);
    expect(unknown.instance).toMatch(/^urn:marimba:request:/);
    expect(await problemOf(connect().job("job_none"))).toMatchObject({ status: 404, code: "job_not_found" });
    const stranger = connect({ apiKey: "wrong" });
    expect(await problemOf(stranger.generate({ class: "star" }))).toMatchObject({ status: 401, code: "unauthorized" });
  });

  it("with a job is told with the job", async () => {
    const late = await problemOf(connect().generate({ ...SLOW, deadline_ms: 1 }));
    expect(late).toMatchObject({ code: "deadline_exceeded", status: undefined, job: { state: "failed" } });
    const { id } = await connect().submit(SLOW);
    await connect().cancel(id);
    expect(await connect().wait(id)).toMatchObject({ state: "cancelled", error: { code: "job_cancelled" } });
  });

  it("on the way is tried again, and makes no second job", async () => {
    const losing = meddling((response, count) => {
      if (count <= 2) throw new TypeError("fetch failed");
      return response;
    });
    const made = await connect({ fetch: losing.fetch, backoffMs: 1 }).generate({ class: "boat", ...QUICK });
    expect(Buffer.from(made.images[0].bytes)).toEqual(expected);
    const keys = losing.requests.map(({ headers }) => headers.get("idempotency-key"));
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    const again = await connect().submit({ class: "boat", ...QUICK }, { idempotencyKey: "mine" });
    expect((await connect().submit({ class: "boat", ...QUICK }, { idempotencyKey: "mine" })).id).toBe(again.id);
  });

  it("is not tried for ever", async () => {
    const broken = meddling(() => {
      throw new TypeError("fetch failed");
    });
    await expect(connect({ fetch: broken.fetch, retries: 2, backoffMs: 1 }).models()).rejects.toThrow("fetch failed");
    expect(broken.requests).toHaveLength(3);
  });

  it("is waited for where the server says how long", async () => {
    const narrow = await runningService({ MAX_QUEUED_IMAGES: "1", MAX_BATCH: "1", API_KEYS: "" });
    onTestFinished(narrow.stop);
    const statuses: number[] = [];
    const watching = meddling((response) => {
      statuses.push(response.status);
      return response;
    });
    const marimba = new client.MarimbaClient({ baseUrl: narrow.address, fetch: watching.fetch, retries: 20 });
    const made = await Promise.all(
      Array.from({ length: 5 }, () => marimba.generate({ class: "star", preset: "balanced" })),
    );
    expect(new Set(made.map(({ job }) => job.id)).size).toBe(5);
    expect(statuses).toContain(429);
  });

  it("is told plainly where something else than Marimba answers", async () => {
    const other = createServer((_, response) => response.writeHead(404).end("<html>nothing</html>")).listen(
      0,
      "127.0.0.1",
    );
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as { port: number };
    const problem = await problemOf(connect({ baseUrl: `http://127.0.0.1:${port}` }).models());
    expect(problem).toMatchObject({ code: "unexpected_answer", status: 404 });
    expect(problem.message).toContain("<html>nothing</html>");
    other.close();
  });
});

describe("an aborted generate", () => {
  it.each([
    ["while the server waits for the images", true],
    ["before the server has answered at all", false],
  ])("cancels its job: %s", async (_, isRunning) => {
    const marimba = connect();
    const aborting = new AbortController();
    const idempotencyKey = `abort-${isRunning}`;
    const made = marimba.generate({ ...SLOW, seed: 10 }, { signal: aborting.signal, idempotencyKey });
    const body = { ...SLOW, seed: 10, response_format: "base64" };
    const job = async () => {
      const headers = {
        "content-type": "application/json",
        authorization: `Bearer ${service.key}`,
        "idempotency-key": idempotencyKey,
      };
      const init = { method: "POST", headers, body: JSON.stringify(body) };
      return (await fetch(`${service.address}/generate`, init)).json();
    };
    if (isRunning) await expect.poll(job).toMatchObject({ state: "running" });
    aborting.abort(new Error("enough"));
    await expect(made).rejects.toThrow("enough");
    await expect.poll(job).toMatchObject({ state: "cancelled" });
  });

  it("makes none where it was aborted before", async () => {
    const unused = meddling((response) => response);
    const call = connect({ fetch: unused.fetch }).generate(SLOW, { signal: AbortSignal.abort(new Error("before")) });
    await expect(call).rejects.toThrow("before");
    expect(unused.requests).toEqual([]);
  });
});

describe("in a browser", () => {
  it("generates and watches, from the modules as they were packed", async () => {
    const browser = await launchChromium();
    onTestFinished(() => browser.close());
    const page = await (await newContext(browser)).newPage();
    const imports = {
      "@marimba/client": "/modules/@marimba/client/dist/index.js",
      "eventsource-parser": "/modules/eventsource-parser/dist/index.js",
    };
    const importMap = `<script type="importmap">${JSON.stringify({ imports })}</script>`;
    const module = `<script type="module">globalThis.client = await import("@marimba/client");</script>`;
    // The page comes from here, all that it asks for from the server.
    await page.route(`${service.address}/page`, (route) =>
      route.fulfill({ contentType: "text/html", body: `<!doctype html>${importMap}${module}` }),
    );
    await page.route(`${service.address}/modules/**`, (route) => {
      const path = join(
        project.folder,
        "node_modules",
        new URL(route.request().url()).pathname.slice("/modules/".length),
      );
      return route.fulfill({ path, contentType: "text/javascript" });
    });
    await page.goto(`${service.address}/page`);
    await page.waitForFunction("globalThis.client");
    const result = await page.evaluate(
      async ({ apiKey, quick, slow }) => {
        const { MarimbaClient, MarimbaProblem } = (globalThis as unknown as { client: typeof Client }).client;
        const marimba = new MarimbaClient({ apiKey });
        const { images, seed } = await marimba.generate({ class: "boat", ...quick });
        const { id } = await marimba.submit(slow);
        const types = new Set<string>();
        for await (const event of marimba.events(id, { previews: true })) types.add(event.type);
        const problem = await marimba.generate({ class: "hart" }).catch((error: unknown) => error);
        const code = problem instanceof MarimbaProblem ? problem.code : undefined;
        const image = new Blob([images[0].bytes], { type: images[0].contentType });
        const browser = globalThis as unknown as { createImageBitmap(blob: Blob): Promise<{ width: number }> };
        const { width } = await browser.createImageBitmap(image);
        return { bytes: [...images[0].bytes], seed, types: [...types], code, width };
      },
      { apiKey: service.key, quick: QUICK, slow: { ...SLOW, seed: 11 } },
    );
    expect(Buffer.from(result.bytes)).toEqual(expected);
    expect(result).toMatchObject({ seed: 7, code: "unknown_class", width: 64 });
    expect(result.types).toEqual(expect.arrayContaining(["progress", "preview", "completed"]));
  });
});
