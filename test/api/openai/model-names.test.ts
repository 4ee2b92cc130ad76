import { afterEach, describe, expect, it } from "vitest";
import { exampleApi } from "../example-api.js";

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const api of opened.splice(0)) await api.close();
});
async function open(aliases: string) {
  const api = await exampleApi({ environment: { MODEL_ALIASES: aliases } });
  opened.push(api);
  const generate = (model: unknown, fields: object = {}) =>
    api.app.inject({ method: "POST", url: "/v1/images/generations", payload: { prompt: "star", model, ...fields } });
  const modelOf = async (name: unknown) => {
    const answer = await generate(name);
    const job = await api.app.inject({ url: `/jobs/${answer.headers["marimba-job"]}` });
    return job.json().model ?? answer.json().error;
  };
  return { ...api, generate, modelOf };
}

describe("a model's name", () => {
  it("may be an id or an alias, with or without a provider's prefix", async () => {
    const { modelOf } = await open("gpt-image-1=demo,openai/dall-e-3=demo");
    for (const name of ["demo", "openai/demo", "litellm/openai/demo", "gpt-image-1", "openai/gpt-image-1"]) {
      expect(await modelOf(name), name).toBe("demo");
    }
    for (const name of ["/demo", "../demo", "openai//demo", "openai/../demo"])
      expect(await modelOf(name), name).toMatchObject({ code: "unknown_model" });
    expect(await modelOf("openai/dall-e-3")).toBe("demo");
    expect(await modelOf("dall-e-3")).toMatchObject({
      code: "unknown_model",
      param: "model",
      message:
        'model must be "demo" or "other" or "gpt-image-1" or "openai/dall-e-3", not "dall-e-3"; the server\'s setting ' +
        "MODEL_ALIASES can add names.",
    });
  });

  it("is listed and found by alias", async () => {
    const { app } = await open("gpt-image-1=other");
    const ids = (await app.inject({ url: "/v1/models" })).json().data.map(({ id }: { id: string }) => id);
    expect(ids).toEqual(["demo", "other", "gpt-image-1"]);
    for (const id of ["gpt-image-1", "openai%2Fgpt-image-1"]) {
      expect((await app.inject({ url: `/v1/models/${id}` })).json()).toMatchObject({ id: decodeURIComponent(id) });
    }
    expect((await app.inject({ url: "/models/gpt-image-1" })).statusCode).toBe(404);
  });

  it.each(["dall-e-2", "dall-e-3", "openai/dall-e-3"])("%s gets addresses unless it asks for bytes", async (name) => {
    const { generate } = await open("dall-e-2=demo,dall-e-3=demo");
    expect((await generate(name)).json().data).toEqual([{ url: expect.any(String), revised_prompt: "star" }]);
    const bytes = await generate(name, { response_format: "b64_json" });
    expect(bytes.json().data).toEqual([{ b64_json: expect.any(String), revised_prompt: "star" }]);
  });

  it.each([
    ["gpt-image-1=none", "MODEL_ALIASES has gpt-image-1=none, but the served models are demo, other."],
    ["other=demo", "MODEL_ALIASES has other=demo, but other already names a model."],
    ["a=demo,a=other", "MODEL_ALIASES has a=other, but a already names a model."],
    ["gpt-image-1", /^MODEL_ALIASES is "gpt-image-1"; it must be pairs such as gpt-image-1=demo/],
  ])("ends the start if MODEL_ALIASES is %s", async (aliases, message) => {
    await expect(open(aliases)).rejects.toThrow(message);
  });
});
