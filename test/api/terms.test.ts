import { afterEach, describe, expect, it } from "vitest";
import { callerOf } from "../../src/api/access/caller.js";
import { readCancelAfter } from "../../src/api/http/request-headers.js";
import { exampleApi, holdingHandler } from "./example-api.js";

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

async function open() {
  const { handler, held } = holdingHandler();
  const api = await exampleApi({ handler });
  opened.push(api);
  const specAfter = async (body: object, headers: Record<string, string>) => {
    const response = await api.post({ class: 0, ...body }, headers);
    expect(response.statusCode).toBe(202);
    return held.at(-1)!.spec;
  };
  return { ...api, held, specAfter };
}

describe("Cancel-After", () => {
  it.each([
    ["30", 30_000],
    ["2.5", 2500],
    ["86400", 86_400_000],
    ["86400.000", 86_400_000],
    ["007", 7000],
  ])("%s is a deadline of %i ms", async (seconds, deadlineMs) => {
    const { specAfter } = await open();
    const spec = await specAfter({}, { "cancel-after": seconds });
    expect(spec.deadline_at! - spec.accepted_at).toBe(deadlineMs);
  });

  it("of less than a millisecond is one of 1 ms", () => {
    // Not through HTTP: such a job may have ended before its answer.
    expect(readCancelAfter("0.0001")).toBe(1);
  });

  it("and deadline_ms: the earlier wins", async () => {
    const { specAfter } = await open();
    const deadlineOf = async (deadline_ms: number, seconds: string) => {
      const spec = await specAfter({ deadline_ms }, { "cancel-after": seconds });
      return spec.deadline_at! - spec.accepted_at;
    };
    expect(await deadlineOf(5000, "3")).toBe(3000);
    expect(await deadlineOf(5000, "8")).toBe(5000);
    expect((await specAfter({}, {})).deadline_at).toBeUndefined();
  });

  it.each(["0", "0.0", "-1", "+1", "1e3", "86400.1", "99999", "5 s", "5, 6", "", ".5", "5.", "Infinity"])(
    "refuses %j",
    async (seconds) => {
      const { post, held } = await open();
      const response = await post({ class: 0 }, { "cancel-after": seconds });
      expect(response.statusCode).toBe(400);
      expect(response.json()).toMatchObject({ code: "invalid_request", errors: [{ pointer: "/cancel-after" }] });
      expect(held).toHaveLength(0);
    },
  );
});

describe("a caller", () => {
  it("is known by a hash that is the same for each of its requests", async () => {
    const { specAfter } = await open();
    const first = await specAfter({}, {});
    expect(first.caller).toMatch(/^[0-9a-f]{16}$/);
    expect((await specAfter({}, {})).caller).toBe(first.caller);
    expect(first.caller).toBe(callerOf({ ip: "127.0.0.1" }).id);
    expect(callerOf({ ip: "127.0.0.2" }).id).not.toBe(first.caller);
  });

  it("owns its idempotency keys: another's equal key is another job", async () => {
    const { app } = await open();
    const jobOf = async (remoteAddress: string, body: object) => {
      const headers = { "idempotency-key": "order-66" };
      const response = await app.inject({ method: "POST", url: "/generate", remoteAddress, headers, payload: body });
      return [response.statusCode, response.json().id];
    };
    const [, own] = await jobOf("10.0.0.1", { class: 0 });
    expect(await jobOf("10.0.0.1", { class: 0 })).toEqual([202, own]);
    const [status, other] = await jobOf("10.0.0.2", { class: 1 });
    expect(status).toBe(202);
    expect(other).not.toBe(own);
  });
});
