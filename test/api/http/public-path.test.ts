import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exampleApi } from "../example-api.js";

let api: Awaited<ReturnType<typeof exampleApi>>;
beforeAll(async () => {
  api = await exampleApi({ environment: { PUBLIC_PATH: "/marimba" } });
});
afterAll(() => api?.close());

const get = (url: string) => api.app.inject({ url });

describe("behind a proxy that serves it under PUBLIC_PATH, a server", () => {
  it.each([
    ["removes", ""],
    ["keeps", "/marimba"],
  ])("names addresses that work if the proxy %s the path", async (_, sent) => {
    /** What the server gets of an address that a client asks the proxy for. */
    const passOn = (address: string) => {
      expect(address).toMatch(/^\/marimba\//);
      return get(sent + address.slice("/marimba".length));
    };
    const submit = (url: string, payload: object) => api.app.inject({ method: "POST", url: sent + url, payload });
    const accepted = await submit("/generate", { class: 0 });
    expect(accepted.statusCode).toBe(202);
    const { id } = accepted.json();
    await api.queue.wait(id, 10_000);
    const job = (await passOn(accepted.headers.location as string)).json();
    expect(job.state).toBe("completed");
    for (const address of [job.links.self, job.links.model, job.images[0].url])
      expect((await passOn(address)).statusCode).toBe(200);
    const { models } = (await passOn("/marimba/models")).json();
    for (const { links } of models)
      for (const address of [links.self, links.classes]) expect((await passOn(address)).statusCode).toBe(200);
    expect((await passOn(`${job.links.self}/events`)).body).toContain(`"self":"${job.links.self}"`);
    const image = await api.app.inject({
      method: "POST",
      url: `${sent}/generate`,
      headers: { accept: "image/png" },
      payload: { class: 0 },
    });
    expect((await passOn(image.headers["content-location"] as string)).rawPayload).toEqual(image.rawPayload);
    const openAi = await submit("/v1/images/generations", { prompt: "star", response_format: "url" });
    const { origin, pathname } = new URL(openAi.json().data[0].url);
    expect(origin).toBe("http://localhost");
    expect((await passOn(pathname)).headers["content-type"]).toBe("image/png");
  });

  it("describes itself there", async () => {
    expect((await get("/openapi.json")).json().servers).toMatchObject([{ url: "/marimba/" }]);
    expect((await get("/marimba/docs")).body).toContain('src="/marimba/docs/static/swagger-ui-bundle.js"');
    expect((await get("/marimba/job")).json().detail).toContain("/marimba/docs lists all addresses");
    expect((await get("/marimba/models/demo/")).json().detail).toContain("Did you mean /marimba/models/demo?");
  });

  it("sends browsers to the path with a slash, from which the page's addresses start", async () => {
    const { statusCode, headers } = await get("/marimba");
    expect([statusCode, headers.location]).toEqual([308, "/marimba/"]);
    expect((await get("/marimba/")).body).toBe((await get("/")).body);
    expect((await get("/marimbas")).statusCode).toBe(404);
  });
});
