import { readFileSync } from "node:fs";
import { validate } from "@readme/openapi-parser";
import type { TSchema } from "typebox";
import Value from "typebox/value";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KeyRing } from "../../../src/api/access/key-ring.js";
import { COMPONENTS } from "../../../src/api/openapi/components.js";
import { ClassList, ModelList } from "../../../src/api/resources/model-resource.js";
import { JobFailure } from "../../../src/queue/queue.js";
import { exampleApi, holdingHandler } from "../example-api.js";

interface Operation {
  readonly operationId: string;
  readonly description?: string;
  readonly summary: string;
  readonly responses: Record<string, { description: string; content?: Record<string, object> }>;
}
interface OpenApi {
  readonly paths: Record<string, Record<string, Operation>>;
}

/** Statuses of what never became a request. */
const BEFORE_ANY_PATH = ["408", "431"];

let api: Awaited<ReturnType<typeof exampleApi>>;
const { handler, held } = holdingHandler();
beforeAll(async () => {
  api = await exampleApi({ handler });
});
afterAll(() => api.close());

describe("openapi.json", () => {
  const committed = () => JSON.parse(readFileSync(new URL("../../../openapi/openapi.json", import.meta.url), "utf8"));

  it("in the repository is what the server serves; `npm run openapi` writes it anew", async () => {
    const withKeys = await exampleApi({ deps: { keys: new KeyRing([]) } });
    const served = async ({ app }: typeof api) => (await app.inject({ url: "/openapi.json" })).json();
    expect(await served(withKeys)).toEqual(committed());
    expect(await served(api), "without keys").toEqual({ ...committed(), security: [] });
    await withKeys.close();
  });

  it("is valid OpenAPI 3.1", async () => {
    expect(await validate(committed())).toMatchObject({ valid: true, warnings: [] });
  });

  it("names and describes every operation, and returns errors in the shape of its address", () => {
    const { paths } = committed() as OpenApi;
    const operations = Object.values(paths).flatMap(Object.values) as Operation[];
    const openAi = Object.entries(paths).flatMap(([path, methods]) =>
      path.startsWith("/v1/") ? Object.values(methods) : [],
    );
    expect(openAi).toHaveLength(5);
    expect(operations.length).toBeGreaterThan(9);
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const operation of operations) {
      const { summary, responses } = operation;
      expect(summary).not.toBe("");
      for (const [status, { description, content }] of Object.entries(responses)) {
        expect(description.length).toBeGreaterThan(5);
        if (Number(status) < 400) continue;
        const isOpenAi = openAi.includes(operation) && !BEFORE_ANY_PATH.includes(status);
        expect(Object.keys(content!)).toEqual([isOpenAi ? "application/json" : "application/problem+json"]);
      }
    }
  });
});

describe("responses match their schemas", () => {
  /** Closed, so that a field that the document doesn't know fails too. */
  const close = (schema: unknown): unknown => {
    if (Array.isArray(schema)) return schema.map(close);
    if (typeof schema !== "object" || schema === null) return schema;
    const closed = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, close(value)]));
    return "properties" in closed ? { additionalProperties: false, ...closed } : closed;
  };
  const expectFit = (schema: TSchema, value: unknown) => {
    expect([...Value.Errors(close(schema) as TSchema, value)]).toEqual([]);
  };
  const job = async (url: string) => (await api.app.inject({ url })).json();

  it("as jobs in every state", async () => {
    const [completed, failed, cancelled, running] = await Promise.all(
      [0, 1, 2, 3].map(async (seed) => (await api.post({ class: null, seed })).json().links.self),
    );
    held[0]!.complete();
    held[1]!.fail(new JobFailure({ code: "generation_failed", detail: "A run failed." }));
    held[3]!.context.progress(1, 4);
    await api.app.inject({ method: "DELETE", url: cancelled });
    const states = [];
    for (const url of [completed, `${completed}?response_format=base64`, failed, cancelled, running]) {
      const resource = await job(url);
      expectFit(COMPONENTS.Job, resource);
      states.push(resource.state);
    }
    expect(states).toEqual(["completed", "completed", "failed", "cancelled", "running"]);
  });

  it("as models, classes and problems", async () => {
    expectFit({ ...ModelList }, await job("/models"));
    expectFit(COMPONENTS.Model, await job("/models/demo"));
    expectFit(ClassList, await job("/models/demo/classes"));
    expectFit(COMPONENTS.Problem, await job("/jobs/x"));
    expectFit(COMPONENTS.Problem, (await api.post({ seed: -1 })).json());
  });
});
