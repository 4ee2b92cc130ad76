import type { InjectOptions } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROBLEMS } from "../../../src/errors.js";
import { exampleApi } from "../example-api.js";

let api: Awaited<ReturnType<typeof exampleApi>>;
beforeAll(async () => {
  api = await exampleApi();
});
afterAll(() => api.close());

const json = { "content-type": "application/json" };

async function problem(options: InjectOptions) {
  const response = await api.app.inject(options);
  expect(response.headers["content-type"]).toMatch("application/problem+json");
  const document = response.json();
  expect(document.status).toBe(response.statusCode);
  expect(document.title).toBe(PROBLEMS[document.code as keyof typeof PROBLEMS].title);
  expect(document.instance).toBe(`urn:marimba:request:${response.headers["x-request-id"]}`);
  expect(response.headers["x-content-type-options"]).toBe("nosniff");
  return { status: response.statusCode, code: document.code, detail: document.detail, headers: response.headers };
}

describe("methods and paths", () => {
  it.each([
    ["GET", "/generate", "POST"],
    ["PUT", "/generate", "POST"],
    ["DELETE", "/generate?x=1", "POST"],
    ["POST", "/jobs/job_00000000", "DELETE, GET, HEAD"],
    ["PATCH", "/jobs/job_00000000/images/0", "GET, HEAD"],
    ["POST", "/jobs/job_00000000/events", "GET, HEAD"],
    ["POST", "/models", "GET, HEAD"],
    ["OPTIONS", "/models/demo/classes", "GET, HEAD"],
    ["POST", "/health/ready", "GET, HEAD"],
    ["TRACE", "/openapi.json", "GET, HEAD"],
    ["PROPFIND", "/", "GET, HEAD"],
    ["POST", "/docs/static/index.css", "GET, HEAD"],
  ])("%s %s is 405 with Allow: %s", async (method, url, allow) => {
    const answer = await problem({ method: method as "GET", url, headers: json, payload: "{" });
    expect(answer).toMatchObject({ status: 405, code: "method_not_allowed", headers: { allow } });
  });

  it.each(["/nowhere", "/generate/", "/Generate", "/job", "/jobs/a/b", "//", "/docs/static/nothing.js"])(
    "%s is 404",
    async (url) => {
      expect(await problem({ url })).toMatchObject({ status: 404, code: "not_found" });
      expect((await api.app.inject({ method: "HEAD", url })).statusCode).toBe(404);
    },
  );

  it.each([
    ["GET", "/models/", "/models"],
    ["GET", "/models/?limit=1", "/models"],
    ["HEAD", "/models/", undefined],
    ["POST", "/generate/", "/generate"],
    ["POST", "/v1/images/generations/", "/v1/images/generations"],
    ["GET", "/v1/models/", "/v1/models"],
    ["GET", "/v1/models/demo/", "/v1/models/demo"],
    ["GET", "/models/demo/classes//", "/models/demo/classes"],
    ["DELETE", "/jobs/job_00000000/", "/jobs/job_00000000"],
    ["GET", "/health/ready/", "/health/ready"],
    ["GET", "/jobs/", "/jobs"],
    ["GET", "/job/", undefined],
    ["GET", "/no/such/thing/", undefined],
  ])("%s %s is 404 and hints at %s", async (method, url, meant) => {
    const response = await api.app.inject({ method: method as "GET", url });
    expect(response.statusCode).toBe(404);
    if (method === "HEAD") return;
    const { code, detail, message } = url.startsWith("/v1") ? response.json().error : response.json();
    expect(code).toBe("not_found");
    expect(detail ?? message).toBe(
      `There is no such address. ${meant ? `Did you mean ${meant}?` : "/docs lists all addresses."}`,
    );
  });

  it("answers /favicon.ico, which browsers ask for by themselves", async () => {
    const icon = await api.app.inject("/favicon.ico");
    expect(icon).toMatchObject({ statusCode: 200, headers: { "content-type": "image/svg+xml" } });
    expect(icon.body).toBe((await api.app.inject("/playground/icon.svg")).body);
  });

  it("refuses addresses that are broken or too long", async () => {
    expect(await problem({ url: "/jobs/%zz" })).toMatchObject({ status: 400, code: "invalid_request" });
    expect(await problem({ url: `/jobs/${"x".repeat(300)}` })).toMatchObject({ status: 414, code: "uri_too_long" });
    expect(await problem({ url: `/models?${"x".repeat(5000)}` })).toMatchObject({ status: 414, code: "uri_too_long" });
  });
});

describe("bodies", () => {
  const post = (headers: Record<string, string>, payload?: string | Buffer) =>
    problem({ method: "POST", url: "/generate", headers, ...(payload !== undefined && { payload }) });

  it.each([
    "application/x-www-form-urlencoded",
    "text/plain",
    "application/jsonp",
    "application/xml+json",
    "nonsense",
    "application/json; charset=utf-16",
  ])("of type %s are 415", async (type) => {
    expect(await post({ "content-type": type }, '{"class":0}')).toMatchObject({
      status: 415,
      code: "unsupported_media_type",
    });
  });

  it("take a charset of UTF-8, in any case, and no other", async () => {
    for (const type of [
      "application/json; charset=utf-8",
      "Application/JSON;charset=UTF-8",
      'application/json; charset="utf-8"',
      "application/json; charset=UTF8",
    ]) {
      const response = await api.app.inject({
        method: "POST",
        url: "/generate",
        headers: { "content-type": type },
        payload: '{"class":0}',
      });
      expect(response.statusCode).toBeLessThan(300);
    }
  });

  it("are needed, bounded, plain and JSON", async () => {
    expect(await post({})).toMatchObject({ status: 400 });
    expect(await post(json)).toMatchObject({ status: 400, code: "malformed_json" });
    expect(await post(json, "{")).toMatchObject({ status: 400, code: "malformed_json" });
    expect(await post(json, " ".repeat(65_537))).toMatchObject({ status: 413, code: "body_too_large" });
    expect(await post({ ...json, "content-encoding": "gzip" }, "{}")).toMatchObject({ status: 415 });
  });

  it.each(["[]", "null", '"star"', "7", "true"])("must be an object, not %s", async (body) => {
    expect(await post(json, body)).toMatchObject({ status: 400, code: "invalid_request" });
  });
});

describe("headers", () => {
  it("give a request the id that its caller chose, if it is plain text", async () => {
    const idOf = async (id: string) =>
      (await api.app.inject({ url: "/health/live", headers: { "x-request-id": id } })).headers["x-request-id"];
    expect(await idOf("trace-1.2_3")).toBe("trace-1.2_3");
    for (const bad of ["", "a b", "x".repeat(65), "ü", '"']) expect(await idOf(bad)).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("refuse an Accept that nothing fits", async () => {
    const options = {
      method: "POST" as const,
      url: "/generate",
      headers: { ...json, accept: "text/html" },
      payload: "{}",
    };
    expect(await problem({ ...options, payload: '{"class":0}' })).toMatchObject({
      status: 406,
      code: "not_acceptable",
    });
  });
});

describe("a server error", () => {
  it("is 500 and reveals no internals", async () => {
    let isBuilt = false;
    const broken = await exampleApi({
      deps: {
        models: {
          default: "demo",
          list: () => {
            if (isBuilt) throw new Error("secret: /etc/models");
            return [];
          },
          get: () => undefined,
          folderOf: (name) => name,
        },
      },
    });
    isBuilt = true;
    const response = await broken.app.inject({ url: "/models" });
    expect(response.statusCode).toBe(500);
    expect(response.json().code).toBe("internal");
    expect(response.body).not.toContain("secret");
    await broken.close();
  });
});
