import { connect } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { JobRecord } from "../../src/job.js";
import { type JobQueue, QueueUnavailable } from "../../src/queue/queue.js";
import { eventually } from "../eventually.js";
import { exampleSpec } from "../queue/example-job.js";
import { type ExampleApiOptions, exampleApi, holdingHandler } from "./example-api.js";

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const one of opened.splice(0)) await one.close();
});

async function open(options?: ExampleApiOptions) {
  const api = await exampleApi(options);
  opened.push(api);
  return api;
}

type Call = "submit" | "get" | "image" | "cancel" | "wait" | "stats";

/** From here on these calls of the queue are answered as they are while its store is away. */
function takeAway(queue: JobQueue, ...calls: Call[]): void {
  const reject = () => Promise.reject(new QueueUnavailable("Redis at 10.1.2.3 does not answer."));
  for (const call of calls) vi.spyOn(queue, call).mockImplementation(reject);
}

const PNG = { accept: "image/png" };

describe("a queue that is not reachable", () => {
  it("is 503 with Retry-After for every request, and reveals no internals", async () => {
    const { app, post, queue } = await open();
    const { links } = (await post({ class: 0 }, { prefer: "wait=5" })).json();
    takeAway(queue, "submit", "get", "cancel", "wait", "stats");
    const answers = [
      await post({ class: 0 }),
      await post({ class: 0 }, PNG),
      await app.inject({ url: links.self }),
      await app.inject({ url: `${links.self}/images/0` }),
      await app.inject({ url: `${links.self}/events` }),
      await app.inject({ method: "DELETE", url: links.self }),
    ];
    for (const answer of answers) {
      expect([answer.statusCode, answer.json().code]).toEqual([503, "queue_unavailable"]);
      expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
      expect(answer.body).not.toContain("10.1.2.3");
    }
    expect((await app.inject({ url: "/models" })).statusCode).toBe(200);
    expect((await app.inject({ url: "/health/live" })).statusCode).toBe(200);
  });

  it("when the image has just finished, is 503 too", async () => {
    const { app, post, queue } = await open();
    const { links, images } = (await post({ class: 0 }, { prefer: "wait=5" })).json();
    takeAway(queue, "image");
    for (const answer of [
      await post({ class: 0 }, PNG),
      await post({ class: 0, response_format: "base64" }, { prefer: "wait=5" }),
      await app.inject({ url: images[0].url }),
      await app.inject({ url: `${links.self}?response_format=base64` }),
    ]) {
      expect([answer.statusCode, answer.json().code]).toEqual([503, "queue_unavailable"]);
    }
  });

  it("while a client waits for an accepted job, is 202 with where the job will be", async () => {
    const { handler } = holdingHandler();
    const { post, queue } = await open({ handler });
    takeAway(queue, "wait");
    for (const headers of [PNG, { prefer: "wait=5" }]) {
      const answer = await post({ class: 0 }, headers as Record<string, string>);
      expect(answer.statusCode).toBe(202);
      expect(answer.headers.location).toBe(`/jobs/${answer.json().id}`);
      expect(answer.headers["content-type"]).toMatch("application/json");
    }
  });

  it("when a client hangs up, leaves its job alone and crashes nothing", async () => {
    const { handler, held } = holdingHandler();
    const { app, listen, queue } = await open({ handler });
    const port = Number(new URL(await listen()).port);
    takeAway(queue, "cancel");
    const body = '{"class":0}';
    const head =
      "POST /generate HTTP/1.1\r\nHost: localhost\r\nAccept: image/png\r\nContent-Type: application/json\r\n";
    const socket = connect(port, "127.0.0.1", () => socket.write(`${head}Content-Length: 11\r\n\r\n${body}`));
    await eventually(() => expect(held).toHaveLength(1));
    socket.destroy();
    await eventually(() => expect(queue.cancel).toHaveBeenCalled());
    expect(held[0]!.context.signal.aborted).toBe(false);
    expect((await app.inject({ url: "/health/live" })).statusCode).toBe(200);
    held[0]!.complete();
    const { id } = held[0]!.spec;
    await eventually(async () => expect((await app.inject({ url: `/jobs/${id}` })).json().state).toBe("completed"));
  });

  it("makes the server unready, with the reason, until it is back", async () => {
    const { app, queue } = await open();
    const ready = async () => {
      const { statusCode, headers, ...response } = await app.inject({ url: "/health/ready" });
      return [statusCode, response.json().code ?? response.json().status, response.json().detail];
    };
    expect(await ready()).toEqual([200, "ready", undefined]);
    const health = vi.spyOn(queue, "health").mockReturnValue({ reachable: false, reason: "Redis does not answer." });
    expect(await ready()).toEqual([503, "queue_unavailable", "Redis does not answer."]);
    health.mockRestore();
    takeAway(queue, "stats");
    expect((await ready())[1]).toBe("queue_unavailable");
    vi.mocked(queue.stats).mockRestore();
    expect(await ready()).toEqual([200, "ready", undefined]);
  });
});

describe("a queue that an operator drains", () => {
  it("is 503 with Retry-After", async () => {
    const { post, queue } = await open();
    vi.spyOn(queue, "submit").mockResolvedValue({ kind: "draining" });
    const answer = await post({ class: 0 });
    expect([answer.statusCode, answer.json().code]).toEqual([503, "queue_draining"]);
    expect(answer.json().detail).toContain("demo");
    expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
  });
});

describe("a job that another release's worker ended", () => {
  const error = { code: "out_of_paint", detail: "The newer worker ran out of paint." };

  it.each([
    ["failed", 500, "generation_failed", "job_failed"],
    ["cancelled", 409, "job_cancelled", "job_cancelled"],
  ] as const)("%s with an error unknown here is still shown", async (state, status, generateCode, imageCode) => {
    const { app, post, queue } = await open();
    const spec = { ...exampleSpec(), id: queue.newId(), a_new_field: 1 };
    const record: JobRecord = { spec, state, seq: 3, startedAt: 1, finishedAt: 2, expiresAt: 9e12, images: [], error };
    vi.spyOn(queue, "get").mockResolvedValue({ kind: "found", record });
    vi.spyOn(queue, "submit").mockResolvedValue({ kind: "existing", record });
    const shown = await app.inject({ url: `/jobs/${spec.id}` });
    expect(shown.statusCode).toBe(200);
    expect(shown.json()).toMatchObject({ state, error });
    const generated = await post({ class: 0 }, PNG);
    expect([generated.statusCode, generated.json().code, generated.json().detail]).toEqual([
      status,
      generateCode,
      error.detail,
    ]);
    const image = await app.inject({ url: `/jobs/${spec.id}/images/0` });
    expect([image.statusCode, image.json().code]).toEqual([409, imageCode]);
    const events = await app.inject({ url: `/jobs/${spec.id}/events` });
    expect(events.body).toContain(`event: ${state}\n`);
    expect(events.body).toContain('"out_of_paint"');
  });
});
