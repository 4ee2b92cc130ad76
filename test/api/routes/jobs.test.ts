import { afterEach, describe, expect, it } from "vitest";
import { JobFailure } from "../../../src/queue/queue.js";
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

const UNKNOWN = "/jobs/job_000000000000000000000000";

describe("GET /jobs/{id}", () => {
  it("states the position while queued and the progress while running", async () => {
    const { handler, held } = holdingHandler();
    const { app, post } = await open({ handler, maxImages: 1 });
    const running = (await post({ class: 0 })).json();
    await post({ class: 0, num_images: 3 });
    const queued = (await post({ class: 0 })).json();
    expect(queued).toMatchObject({ state: "queued", position: 3 });
    held[0]!.context.progress(2, 4);
    const job = (await app.inject({ url: running.links.self })).json();
    expect(job).toMatchObject({ state: "running", progress: { step: 2, of: 4 } });
    expect(job).not.toHaveProperty("position");
    expect(Date.parse(job.started_at)).toBeGreaterThanOrEqual(Date.parse(job.created_at));
  });

  it("is 404 for what never was and 410 for what is gone", async () => {
    const { app, post } = await open({ environment: { MAX_RESULT_BYTES: "1" } });
    const first = (await post({ class: 0 }, { prefer: "wait=5" })).json();
    await post({ class: 0 }, { prefer: "wait=5" });
    for (const path of [first.links.self, `${first.links.self}/images/0`]) {
      const gone = await app.inject({ url: path });
      expect([gone.statusCode, gone.json().code]).toEqual([410, "job_expired"]);
    }
    for (const path of [UNKNOWN, "/jobs/x", "/jobs/..%2f..%2fetc", "/jobs/%00", `${UNKNOWN}/images/0`]) {
      const unknown = await app.inject({ url: path });
      expect([unknown.statusCode, unknown.json().code]).toEqual([404, "job_not_found"]);
    }
  });

  it("refuses query parameters that it doesn't know", async () => {
    const { app } = await open();
    const response = await app.inject({ url: `${UNKNOWN}?response_format=url&verbose=1` });
    expect(response.statusCode).toBe(400);
    expect(response.json().errors).toHaveLength(2);
  });
});

describe("GET /jobs/{id}/images/{n}", () => {
  it("answers GET and HEAD with headers for caches", async () => {
    const { app, post } = await open();
    const job = (await post({ class: 0, seed: 9, num_images: 2 }, { prefer: "wait=5" })).json();
    const get = await app.inject({ url: job.images[1].url });
    expect([...get.rawPayload]).toEqual([9, 1]);
    expect(get.headers).toMatchObject({
      "content-type": "image/png",
      "content-length": "2",
      "cache-control": "private, max-age=31536000, immutable",
      "marimba-seed": "9",
    });
    const head = await app.inject({ method: "HEAD", url: job.images[1].url });
    expect(head.statusCode).toBe(200);
    expect(head.rawPayload).toHaveLength(0);
    expect(head.headers).toMatchObject({ "content-length": "2", etag: get.headers.etag });
    const unchanged = await app.inject({
      url: job.images[1].url,
      headers: { "if-none-match": `"x", W/${get.headers.etag}` },
    });
    expect(unchanged.statusCode).toBe(304);
    expect(unchanged.rawPayload).toHaveLength(0);
  });

  it.each(["2", "-1", "00", "1.0", "1e0", "x", "%20", "9999999999"])("has no image %s", async (n) => {
    const { app, post } = await open();
    const job = (await post({ class: 0, num_images: 2 }, { prefer: "wait=5" })).json();
    const response = await app.inject({ url: `${job.links.self}/images/${n}` });
    expect(response.statusCode).toBe(404);
    expect(response.json()).toMatchObject({ code: "image_not_found", detail: expect.stringContaining("from 0 to 1") });
  });

  it("is 409 before the job is done, and with the job's error where it ended otherwise", async () => {
    const { handler, held } = holdingHandler();
    const { app, post } = await open({ handler });
    const { links } = (await post({ class: 0 })).json();
    const early = await app.inject({ url: `${links.self}/images/0` });
    expect([early.statusCode, early.json().code, early.headers["retry-after"]]).toEqual([409, "job_not_finished", "1"]);
    held[0]!.fail(new JobFailure({ code: "generation_failed", detail: "A run failed." }));
    await new Promise(setImmediate);
    const failed = await app.inject({ url: `${links.self}/images/0` });
    expect([failed.statusCode, failed.json().code]).toEqual([409, "job_failed"]);
    expect(failed.json().detail).toContain("A run failed. (generation_failed)");
  });
});

describe("GET /jobs", () => {
  it("lists the caller's jobs in pages, the newest first", async () => {
    const { app, post } = await open();
    const ids: string[] = [];
    for (let count = 0; count < 5; count++)
      ids.push((await post({ class: 0, seed: count }, { prefer: "wait=5" })).json().id);
    const list = async (query: string) => {
      const answer = await app.inject({ url: `/jobs?${query}` });
      expect(answer.statusCode, answer.body).toBe(200);
      return answer.json() as { jobs: { id: string }[]; next_cursor?: string };
    };
    const first = await list("limit=3");
    const second = await list(`limit=3&state=completed&cursor=${first.next_cursor}`);
    expect([first.jobs.length, second.jobs.length, second.next_cursor]).toEqual([3, 2, undefined]);
    const listed = [...first.jobs, ...second.jobs];
    expect(listed.map(({ id }) => id).sort()).toEqual(ids.sort());
    expect(listed[0]).toEqual((await app.inject({ url: `/jobs/${listed[0]!.id}` })).json());
    expect((await list("state=failed")).jobs).toEqual([]);
  });

  it.each(["limit=0", "limit=101", "state=done", "cursor=1", "cursor=x-job_00000000", "page=2"])(
    "refuses ?%s",
    async (query) => {
      const { app } = await open();
      const answer = await app.inject({ url: `/jobs?${query}` });
      expect(answer.statusCode).toBe(400);
      expect(answer.json().errors[0].pointer).toBe(`/${query.split("=")[0]}`);
    },
  );
});

describe("DELETE /jobs/{id}/images", () => {
  it("deletes a job that has ended, and no other", async () => {
    const { handler, held } = holdingHandler();
    const { app, post } = await open({ handler });
    const { links } = (await post({ class: 0 })).json();
    const remove = () => app.inject({ method: "DELETE", url: `${links.self}/images` });
    const early = await remove();
    expect([early.statusCode, early.json().code]).toEqual([409, "job_not_finished"]);
    held[0]!.complete();
    await new Promise(setImmediate);
    expect((await app.inject({ url: `${links.self}/images/0` })).statusCode).toBe(200);
    const deleted = await remove();
    expect([deleted.statusCode, deleted.body]).toEqual([204, ""]);
    for (const url of [links.self, `${links.self}/images/0`]) expect((await app.inject({ url })).statusCode).toBe(410);
    expect((await remove()).json()).toMatchObject({
      code: "job_expired",
      title: "The job has expired or was deleted",
      detail: expect.stringContaining("has expired or was deleted"),
    });
    expect((await app.inject({ method: "DELETE", url: `${UNKNOWN}/images` })).statusCode).toBe(404);
  });
});

describe("DELETE /jobs/{id}", () => {
  it("cancels a running job, once and for all", async () => {
    const { handler, held } = holdingHandler();
    const { app, post } = await open({ handler });
    const { links } = (await post({ class: 0 })).json();
    const first = await app.inject({ method: "DELETE", url: links.self });
    expect(first.statusCode).toBe(200);
    expect(first.json()).toMatchObject({ state: "cancelled", error: { code: "job_cancelled" } });
    expect(held[0]!.context.signal.aborted).toBe(true);
    const again = await app.inject({ method: "DELETE", url: links.self });
    expect(again.json()).toEqual(first.json());
    const image = await app.inject({ url: `${links.self}/images/0` });
    expect([image.statusCode, image.json().code]).toEqual([409, "job_cancelled"]);
  });

  it("leaves a finished job as it is, and takes an empty JSON body", async () => {
    const { app, post } = await open();
    const job = (await post({ class: 0 }, { prefer: "wait=5" })).json();
    const headers = { "content-type": "application/json" };
    const response = await app.inject({ method: "DELETE", url: job.links.self, headers });
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual(job);
  });

  it("is 404 for an unknown job", async () => {
    const { app } = await open();
    expect((await app.inject({ method: "DELETE", url: UNKNOWN })).statusCode).toBe(404);
    expect((await app.inject({ method: "DELETE", url: "/jobs/%2e%2e%2f" })).statusCode).toBe(404);
  });
});
