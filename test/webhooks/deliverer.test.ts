import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { LocalQueue } from "../../src/queue/local/local-queue.js";
import { Deliverer, type DelivererOptions } from "../../src/webhooks/deliverer.js";
import { describeAttemptFailure } from "../../src/webhooks/post.js";
import { exampleImageOf, exampleJob } from "../queue/example-job.js";
import { addresses, Receiver, verified } from "./receiver.js";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
let receiver: Receiver;
let queue: LocalQueue;
let lines: string[];
const started: Deliverer[] = [];

beforeEach(async () => {
  lines = [];
  receiver = await Receiver.listen();
  queue = new LocalQueue({ maxQueuedImages: 100, resultTtlMs: 60_000, maxResultBytes: 1e9, maxCanvasBytes: 1e9 });
  await queue.start(["demo"], 16, async (task) => exampleImageOf(task));
});
afterEach(async () => {
  await receiver.close();
  for (const deliverer of started.splice(0)) await deliverer.stop();
  await queue.close();
});

function deliver(options: Partial<DelivererOptions> = {}): Deliverer {
  const deliverer = new Deliverer({
    queue: queue.webhooks,
    policy: { allowPrivate: true, allowHosts: [] },
    maxAttempts: 3,
    firstDelayMs: 1,
    secretsOf: () => SECRET,
    describe: ({ spec }) => ({ id: spec.id }),
    userAgent: "Marimba/test",
    logger: pino({ level: "info" }, { write: (line: string) => void lines.push(line) }),
    ...options,
  });
  started.push(deliverer);
  deliverer.start();
  return deliverer;
}

/** A job that ends at once and is to be told. */
function told(path = "/hook", caller = "alice"): Promise<string> {
  return toldAt(`http://127.0.0.1:${receiver.port}${path}`, caller);
}

async function toldAt(webhook_url: string, caller = "alice"): Promise<string> {
  const spec = exampleJob({ id: queue.newId(), caller, webhook_url });
  expect((await queue.submit(spec)).kind).toBe("accepted");
  expect((await queue.wait(spec.id, 5000))?.state).toBe("completed");
  return spec.id;
}

const soon = { timeout: 10_000, interval: 10 };
const logged = (sentence: string) => expect.poll(() => lines.join(""), soon).toContain(sentence);

describe("a webhook", () => {
  it("is verified by the specification's own library, and by no other secret", async () => {
    deliver();
    const id = await told();
    await expect.poll(() => receiver.received.length, soon).toBe(1);
    const [received] = receiver.received;
    const record = (await queue.get(id)) as { record: { finishedAt: number } };
    expect(verified(received!, SECRET)).toEqual({
      type: "job.completed",
      timestamp: new Date(record.record.finishedAt).toISOString(),
      data: { id },
    });
    expect(received!.headers).toMatchObject({
      "webhook-id": `msg_${id}`,
      "content-type": "application/json",
      "user-agent": "Marimba/test",
      host: `127.0.0.1:${receiver.port}`,
    });
    expect(() => verified(received!, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")).toThrow();
    expect(() => verified({ ...received!, body: received!.body.replace("completed", "cancelled") }, SECRET)).toThrow();
    await logged("delivered a webhook");
    expect(await queue.webhooks.take(1, 1)).toEqual([]);
  });

  it("is retried until it is accepted, with the same id", async () => {
    const answers = [500, 404, 200];
    receiver.answer = (response) => response.writeHead(answers.shift()!).end();
    deliver();
    await told();
    await logged("delivered a webhook");
    expect(receiver.received).toHaveLength(3);
    expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    for (const received of receiver.received) verified(received, SECRET);
  });

  it.each([
    ["a number of seconds", () => "2"],
    ["a date", () => new Date(Date.now() + 2_500).toUTCString()],
  ])("is not sent again before the time that a receiver under load asks for, as %s", async (_, retryAfter) => {
    const answers = [503, 429, 204];
    const times: number[] = [];
    receiver.answer = (response) => {
      times.push(performance.now());
      response.writeHead(answers.shift()!, { "retry-after": retryAfter() }).end();
    };
    deliver();
    await told();
    await logged("delivered a webhook");
    // A date has whole seconds.
    for (const i of [1, 2]) expect(times[i]! - times[i - 1]!).toBeGreaterThan(1400);
  });

  it.each(["soon", "-5", "99999999999999999999", ""])("ignores a Retry-After of %j", async (retryAfter) => {
    const answers = [503, 204];
    receiver.answer = (response) => response.writeHead(answers.shift()!, { "retry-after": retryAfter }).end();
    deliver();
    await told();
    await logged("delivered a webhook");
  });

  it("carries two signatures while its secret rotates, and a receiver accepts it with either", async () => {
    const next = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    deliver({ secretsOf: () => `${next},${SECRET}` });
    await told();
    await expect.poll(() => receiver.received.length, soon).toBe(1);
    for (const secret of [SECRET, next]) verified(receiver.received[0]!, secret);
    expect(() => verified(receiver.received[0]!, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")).toThrow();
  });

  it("tries every address of a name", async () => {
    // Nothing listens at the first two; 192.0.2.0/24 is reserved for documentation, and never answers.
    const resolve = async () => addresses("127.0.0.9", "::1", "192.0.2.1", "127.0.0.1");
    deliver({ resolve, maxAttempts: 1 });
    await toldAt(`http://hooks.internal:${receiver.port}/`);
    await logged("delivered a webhook");
    expect(receiver.received[0]!.headers.host).toBe(`hooks.internal:${receiver.port}`);
  });

  it("asks the proxy of HTTPS_PROXY for each checked address, unless NO_PROXY names the host", async () => {
    const asked: string[] = [];
    const proxy = createServer().on("connect", ({ url }: { url: string }, socket) => {
      asked.push(url);
      socket.end("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    });
    await once(proxy.listen(0, "127.0.0.1"), "listening");
    vi.stubEnv("HTTPS_PROXY", `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    vi.stubEnv("NO_PROXY", "direct.example");
    onTestFinished(() => {
      vi.unstubAllEnvs();
      proxy.close();
    });
    deliver({ resolve: async () => addresses("127.0.0.8", "127.0.0.9"), maxAttempts: 1 });
    await toldAt(`https://hooks.example:${receiver.port}/tok-s3cr3t`);
    await logged("The proxy responded with 502.");
    expect(asked).toEqual([`127.0.0.8:${receiver.port}`, `127.0.0.9:${receiver.port}`]);
    await toldAt(`https://direct.example:${receiver.port}/`);
    await logged("The receiver does not accept connections (ECONNREFUSED).");
    expect(asked).toHaveLength(2);
    expect(lines.join("")).not.toContain("s3cr3t");
  });

  it("is given up after its last attempt, and its log line contains neither its address nor its secret", async () => {
    receiver.answer = (response) => response.writeHead(503).end();
    deliver();
    await told("/secret-path");
    await logged("gave up on a webhook");
    expect(receiver.received).toHaveLength(3);
    expect(await queue.webhooks.take(1, 1)).toEqual([]);
    expect(lines.join("")).not.toMatch(/secret-path|whsec/);
  });

  it("keeps its host out of the log, whatever the failure", async () => {
    const fault = (code: string, syscall: string) =>
      Object.assign(new Error(`${syscall} ${code} tok-s3cr3t.hooks.invalid`), { code, syscall });
    const faults = [fault("ENOTFOUND", "queryA"), fault("ETIMEOUT", "queryA"), fault("ENOTFOUND", "getaddrinfo")];
    const port = receiver.port;
    await receiver.close();
    const resolve = async () => {
      const next = faults.shift();
      if (next) throw next;
      return [{ address: "127.0.0.1", family: 4 as const }];
    };
    deliver({ resolve, maxAttempts: 5 });
    await toldAt(`http://tok-s3cr3t.hooks.invalid:${port}/`);
    await logged("gave up on a webhook");
    expect(lines.map((line) => JSON.parse(line).reason)).toEqual([
      "The host name does not resolve (ENOTFOUND).",
      "The name servers did not answer (ETIMEOUT).",
      "The host name does not resolve (ENOTFOUND).",
      "The receiver does not accept connections (ECONNREFUSED).",
      "The receiver does not accept connections (ECONNREFUSED).",
    ]);
    expect(lines.join("")).not.toMatch(/s3cr3t|127\.0\.0\.1/);
  });

  it("keeps it out for wrong certificates, invalid responses and timeouts", () => {
    const fault = (code: string) => Object.assign(new Error("tok-s3cr3t"), { code });
    expect(describeAttemptFailure(fault("ERR_TLS_CERT_ALTNAME_INVALID"))).toMatch(
      /^The receiver's certificate is not valid \(/,
    );
    expect(describeAttemptFailure(fault("HPE_INVALID_CONSTANT"))).toMatch(/^The receiver's response is not HTTP \(/);
    expect(describeAttemptFailure(fault("tok-s3cr3t"))).toBe("The webhook could not be sent.");
    expect(describeAttemptFailure(AbortSignal.abort().reason)).not.toContain("s3cr3t");
    expect(describeAttemptFailure(new DOMException("late", "TimeoutError"))).toBe(
      "The receiver did not respond in time.",
    );
  });

  it("is given up at once after a 410, or if its key no longer has a secret", async () => {
    receiver.answer = (response) => response.writeHead(410).end();
    deliver({ secretsOf: (caller) => (caller === "alice" ? SECRET : undefined) });
    await told();
    await told("/other", "eve");
    await expect.poll(() => lines.filter((line) => line.includes("gave up")).length, soon).toBe(2);
    expect(receiver.received.map(({ path }) => path)).toEqual(["/hook"]);
  });

  it("follows no redirect", async () => {
    const other = await Receiver.listen();
    const places = [`http://127.0.0.1:${other.port}/`, "http://169.254.169.254/latest/meta-data/", "/elsewhere"];
    const statuses = [301, 302, 303, 307, 308];
    let count = 0;
    receiver.answer = (response) =>
      response.writeHead(statuses[count % 5]!, { location: places[count++ % places.length]! }).end();
    deliver({ maxAttempts: 15 });
    deliver({ maxAttempts: 15 });
    // Each attempt's delay is four times the last one's; several jobs come to as many redirects sooner.
    for (let i = 0; i < 5; i++) await told();
    await expect.poll(() => receiver.received.length, soon).toBeGreaterThan(15);
    expect(new Set(receiver.received.map(({ path }) => path))).toEqual(new Set(["/hook"]));
    expect(other.connections).toBe(0);
    await other.close();
  });

  it("is not sent to an address that its policy refuses, not even once", async () => {
    deliver({ policy: { allowPrivate: false, allowHosts: [] } });
    await told();
    await logged("The webhook's address must be an https address.");
    expect(receiver.connections).toBe(0);
  });

  it("reads nothing of a response's body, however long", async () => {
    let sent = 0;
    receiver.answer = (response) => {
      response.writeHead(200);
      const more = () => {
        if (response.destroyed) return;
        sent += 65_536;
        response.write(Buffer.alloc(65_536), more);
      };
      more();
    };
    deliver();
    await told();
    await logged("delivered a webhook");
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  it("delays no job, and no other caller's webhook, if its receiver never responds", async () => {
    let silentBefore: number | undefined;
    receiver.answer = (response, { path }) => {
      if (path === "/silent") return;
      silentBefore = receiver.received.filter((one) => one.path === "/silent").length;
      response.writeHead(200).end();
    };
    deliver();
    await Promise.all(Array.from({ length: 30 }, () => told("/silent", "mallory")));
    await told("/hook", "bob");
    await expect.poll(() => silentBefore, soon).toBeLessThanOrEqual(4);
    await receiver.close();
    receiver = await Receiver.listen();
  });

  it("is sent completely or not at all when its process stops", async () => {
    let answer = () => {};
    receiver.answer = (response) => (answer = () => response.writeHead(200).end());
    const deliverer = deliver();
    await told();
    await expect.poll(() => receiver.received.length, soon).toBe(1);
    const stopped = deliverer.stop();
    await told();
    answer();
    await stopped;
    await logged("delivered a webhook");
    expect(receiver.received).toHaveLength(1);
    expect(await queue.webhooks.take(2, 1)).toHaveLength(1);
  });
});
