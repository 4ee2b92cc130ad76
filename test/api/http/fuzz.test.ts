import { Agent, request } from "node:http";
import { connect } from "node:net";
import Value from "typebox/value";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ProblemDocument } from "../../../src/api/http/problem-document.js";
import { PROBLEMS } from "../../../src/errors.js";
import { completeAtOnce, exampleApi } from "../example-api.js";
import { type BadRequest, badRequests, mutatedHttp } from "./bad-requests.js";

const SEED = 20260728;
const AT_ONCE = 16;

let api: Awaited<ReturnType<typeof exampleApi>>;
let port: number;
let accepted = 0;
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

beforeAll(async () => {
  api = await exampleApi({
    environment: { KEEP_ALIVE_S: "2" },
    limits: { requestTimeoutMs: 1000, headersTimeoutMs: 1000, timeoutCheckMs: 100 },
    handler: (task, context) => {
      if (task.imageIndex === 0) accepted++;
      return completeAtOnce(task, context);
    },
  });
  port = Number(new URL(await api.listen()).port);
});
afterAll(async () => {
  agent.destroy();
  await api.close();
});

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

function send(bad: BadRequest): Promise<Answer> {
  const { method, path, headers, body } = bad;
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: "127.0.0.1", method, path, agent, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece) => {
        text += piece;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode!, type: response.headers["content-type"] ?? "", text }),
      );
    });
    // The server may close an idle connection just when it is used again: that is HTTP, not a fault.
    sent.on("error", (error) => (sent.reusedSocket ? send(bad).then(resolve, reject) : reject(error)));
    sent.setTimeout(20_000, () => sent.destroy(new Error("no answer within 20 s")));
    sent.end(body);
  });
}

/** All that comes back for raw bytes until the server closes the connection. */
function sendRaw(bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    socket.setEncoding("latin1").on("data", (piece) => {
      text += piece;
    });
    socket.on("error", () => {}).on("close", () => resolve(text));
    socket.setTimeout(20_000, () =>
      reject(new Error(`no answer within 20 s to ${JSON.stringify(bytes.toString("latin1"))}`)),
    );
  });
}

/** Runs `check` over all, a few at once; its failure names the case. */
async function forEach<T>(cases: readonly T[], check: (one: T) => Promise<void>): Promise<void> {
  const rest = [...cases];
  const work = async () => {
    for (let one = rest.pop(); one !== undefined; one = rest.pop()) await check(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

function expectProblem({ status, type, text }: Answer): void {
  expect(type).toMatch("application/problem+json");
  const problem = JSON.parse(text);
  expect([...Value.Errors(ProblemDocument, problem)]).toEqual([]);
  expect(PROBLEMS[problem.code as keyof typeof PROBLEMS]).toEqual({ status, title: problem.title });
}

async function expectGoodAnswer(): Promise<void> {
  const good = { method: "POST", path: "/generate", headers: { "content-type": "application/json", prefer: "wait=5" } };
  const answer = await send({ ...good, body: Buffer.from('{"class":"star","seed":1}') });
  expect([answer.status, JSON.parse(answer.text).state]).toEqual([200, "completed"]);
}

describe("fuzz", () => {
  it("answers 700 generated bad requests with 4xx problem documents only, and then a good one", async () => {
    const cases = badRequests(SEED);
    expect(cases.length).toBeGreaterThanOrEqual(700);
    const before = process.memoryUsage().rss;
    await forEach(cases, async (bad) => {
      const answer = await send(bad);
      const shown = `${bad.method} ${bad.path.slice(0, 200)} ${JSON.stringify(bad.headers)} ${bad.body?.toString().slice(0, 300)}`;
      expect(answer.status, shown).toBeGreaterThanOrEqual(400);
      expect(answer.status, shown).toBeLessThan(500);
      expectProblem(answer);
    });
    expect(accepted).toBe(0);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 2 ** 20);
    await expectGoodAnswer();
  });

  it("answers 200 mutations of a valid request's bytes without a 5xx, a hang or a crash", async () => {
    const statuses = new Set<number>();
    await forEach(mutatedHttp(SEED, 200), async (bytes) => {
      const text = await sendRaw(bytes);
      const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]);
      const shown = JSON.stringify([bytes.toString("latin1"), text]);
      expect(status, shown).toBeGreaterThanOrEqual(200);
      expect(status, shown).toBeLessThan(500);
      statuses.add(status);
    });
    expect([...statuses]).toEqual(expect.arrayContaining([202, 400]));
    await expectGoodAnswer();
  });
});
