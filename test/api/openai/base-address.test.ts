import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exampleApi } from "../example-api.js";

let api: Awaited<ReturnType<typeof exampleApi>>;
beforeAll(async () => {
  api = await exampleApi();
});
afterAll(() => api.close());

describe("an address of OpenAI's API that is not there", () => {
  const meant = (path: string) => `Did you mean ${path}? The base address of OpenAI's clients must end in /v1, once.`;
  const IMAGES = meant("/v1/images/generations");
  const MODELS = meant("/v1/models");
  const OTHERS =
    "Of OpenAI's API, this server has POST /v1/images/generations, edits and variations, and GET /v1/models.";

  it.each([
    ["POST", "/images/generations", IMAGES],
    ["POST", "/images/generations?api-version=2025-04-01-preview", IMAGES],
    ["POST", "/v1/v1/images/generations", IMAGES],
    ["POST", "/v1/images/generations/images/generations", IMAGES],
    ["POST", "/openai/v1/images/generations", IMAGES],
    ["GET", "/v1/v1/models", MODELS],
    ["GET", "/openai/v1/models", MODELS],
    ["GET", "/v1", OTHERS],
    ["POST", "/v1/chat/completions", OTHERS],
    ["POST", "/chat/completions", OTHERS],
    ["POST", "/v1/v1/images/edits", meant("/v1/images/edits")],
    ["POST", "/images/variations", meant("/v1/images/variations")],
    ["POST", "/embeddings", OTHERS],
  ] as const)("%s %s is 404 in OpenAI's shape and names the right one", async (method, url, hint) => {
    const answer = await api.app.inject({ method, url });
    expect(answer.statusCode).toBe(404);
    const message = `There is no such address. ${hint}`;
    expect(answer.json()).toEqual({
      error: { message, type: "invalid_request_error", param: null, code: "not_found" },
    });
  });
});
