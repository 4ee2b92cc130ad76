import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KeyRing } from "../../../src/api/access/key-ring.js";
import type { ApiDeps, Readiness } from "../../../src/api/deps.js";
import { DefaultParameters } from "../../../src/model/parameters.js";
import type { ModelRegistry } from "../../../src/model/registry.js";
import { exampleApi, exampleModels } from "../example-api.js";

const PLAYGROUND = fileURLToPath(new URL("../../../src/api/playground", import.meta.url));

let api: Awaited<ReturnType<typeof exampleApi>>;
let readiness: Readiness = { ready: true };
beforeAll(async () => {
  api = await exampleApi({ deps: { readiness: () => readiness } });
});
afterAll(() => api.close());

const get = (url: string, headers = {}) => api.app.inject({ url, headers });

describe("models", () => {
  it("lists models and their parameters, and no internals", async () => {
    const { default: defaultModel, models } = (await get("/models")).json();
    expect(defaultModel).toBe("demo");
    expect(models.map(({ id }: { id: string }) => id)).toEqual(["demo", "other"]);
    expect(models[0]).toMatchObject({ image_width: 128, token_count: 16, class_count: 4, default_preset: "fast" });
    expect(models[0].defaults).toMatchObject({ steps: 8, max_timestep: 950 });
    expect(models[0]).not.toHaveProperty("architecture");
    expect((await get("/models/demo")).json()).toEqual(models[0]);
  });

  it("lists classes, all or those that match, those that begin so first", async () => {
    const names = async (query: string) =>
      (await get(`/models/demo/classes${query}`)).json().classes.map(({ name }: { name: string }) => name);
    expect(await names("")).toEqual(["star", "heart", "crane, heron", "crane, hoist"]);
    expect(await names("?query=H")).toEqual(["heart", "crane, heron", "crane, hoist"]);
    expect(await names("?query=n00000001")).toEqual(["star"]);
    expect(await names("?query=1")).toEqual(["heart"]);
    expect(await names("?query=xyz")).toEqual([]);
  });

  it("bounds a list of classes and states how many there are", async () => {
    const { total, classes } = (await get("/models/other/classes?query=thing&limit=7")).json();
    expect([total, classes.length]).toEqual([1500, 7]);
    expect((await get("/models/other/classes")).json().classes).toHaveLength(1000);
  });

  it.each([
    "limit=0",
    "limit=1001",
    "limit=1.5",
    "limit=07",
    "limit=",
    "limit=1&limit=2",
    "max=3",
    `query=${"x".repeat(201)}`,
  ])("refuses ?%s", async (query) => {
    const response = await get(`/models/demo/classes?${query}`);
    expect(response.statusCode).toBe(400);
    expect(response.json().errors).toHaveLength(1);
  });

  it("names the models that there are", async () => {
    for (const path of ["/models/dem", "/models/dem/classes", "/models/..%2fdemo"]) {
      const response = await get(path);
      expect(response.json()).toMatchObject({
        status: 404,
        code: "unknown_model",
        detail: expect.stringContaining("demo"),
      });
    }
  });
});

describe("health", () => {
  it("is live always and ready when it is", async () => {
    const both = async () => [await get("/health/live"), await get("/health/ready")];
    expect((await both()).map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    readiness = { ready: true, threads: 2 };
    expect((await both()).map((response) => response.json())).toEqual([
      { status: "live" },
      { status: "ready", threads: 2 },
    ]);
    readiness = { ready: false, reason: "demo is warming up." };
    const [live, warming] = await both();
    expect(live!.statusCode).toBe(200);
    expect(warming!.json()).toMatchObject({ status: 503, code: "no_worker", detail: "demo is warming up." });
    expect(warming!.headers["retry-after"]).toBe("5");
    readiness = { ready: true, shuttingDown: true };
    expect((await both())[1]!.json()).toMatchObject({ status: 503, code: "shutting_down" });
    readiness = { ready: true };
  });
});

describe("pages", () => {
  it("serves the playground with a policy that allows its own files only", async () => {
    const page = await get("/");
    expect(page.statusCode).toBe(200);
    expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(page.headers["content-security-policy"]).toContain("default-src 'none'");
    expect(page.headers["content-security-policy"]).not.toContain("unsafe");
    const links = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link!);
    expect(links.length).toBeGreaterThan(3);
    for (const link of links) {
      if (link.startsWith("#")) continue;
      // Relative, so that the page works under any path.
      expect(link).toMatch(/^(\.$|\w+(\/|\.json$))/);
      expect((await get(new URL(link, "http://localhost").pathname)).statusCode).toBe(200);
    }
    expect(page.body).not.toMatch(/<style|style="|<script>|onclick/);
  });

  it("names every module in the page, so that none waits for another that imports it", async () => {
    const { body } = await get("/");
    const modules = readdirSync(PLAYGROUND, { recursive: true, encoding: "utf8" }).filter((file) =>
      file.endsWith(".js"),
    );
    expect(modules.length).toBeGreaterThan(20);
    for (const module of modules) expect(body).toContain(`"playground/${module}"`);
  });

  it("takes the form's bounds from the request's schema", async () => {
    const { fields } = (await get("/playground/form.json")).json();
    expect(Object.keys(fields)).toEqual(["num_images", "seed", ...Object.keys(DefaultParameters.properties)]);
    expect(fields.num_images).toMatchObject({ minimum: 1, maximum: 64 });
    expect(fields.temperature).toMatchObject({ type: "number", minimum: 0, maximum: 2 });
  });

  it("lets browsers keep the files", async () => {
    const { headers } = await get("/playground/main.js");
    expect(headers["cache-control"]).toBe("no-cache");
    expect((await get("/playground/main.js", { "if-none-match": headers.etag })).statusCode).toBe(304);
  });

  it.each([
    ["gzip, deflate, br", "gzip"],
    ["br, gzip;q=0.5", "gzip"],
    ["gzip;q=0", undefined],
    ["identity", undefined],
    [undefined, undefined],
  ])("compresses the files for clients that accept it: Accept-Encoding: %s", async (accepted, encoding) => {
    const answer = await get("/playground/main.js", accepted === undefined ? {} : { "accept-encoding": accepted });
    expect(answer.headers["content-encoding"]).toBe(encoding);
    expect(answer.headers.vary).toBe("Accept-Encoding");
    const bytes = encoding ? gunzipSync(answer.rawPayload) : answer.rawPayload;
    expect(bytes.equals(readFileSync(join(PLAYGROUND, "main.js")))).toBe(true);
    const plain = await get("/playground/main.js");
    expect(answer.headers.etag === plain.headers.etag).toBe(encoding === undefined);
  });

  it("shows the documentation without a request elsewhere", async () => {
    const page = await get("/docs/");
    expect(page.statusCode).toBe(200);
    expect(page.headers["content-security-policy"]).not.toContain("https:");
    expect((await get("/docs/json")).json()).toEqual((await get("/openapi.json")).json());
    expect((await get("/docs")).statusCode).toBeLessThan(400);
  });

  it("shows the presets' measured quality there, unless keys are required", async () => {
    const quality = { frechet_distance: 0.25, frechet_interval: [0.24, 0.26], recall: 0.7, images: 5000, speed: 5 };
    const [demo] = exampleModels().list();
    const fast = { ...demo!.presets.fast!, quality };
    const models = {
      ...exampleModels(),
      list: () => [{ ...demo!, presets: { ...demo!.presets, fast } }],
    } as ModelRegistry;
    const described = async (deps: Partial<ApiDeps>) => {
      const other = await exampleApi({ deps: { models, ...deps } });
      const { tags } = (await other.app.inject("/docs/json")).json();
      await other.close();
      return tags.find(({ name }: { name: string }) => name === "models").description;
    };
    const [sentence, empty, head, rule, ...rows] = (await described({})).split("\n");
    expect([sentence, empty]).toEqual(["Models, their classes and parameters.", ""]);
    expect(head).toMatch(/^\| model \| preset \| /);
    expect(rule).toMatch(/^(\| -+:? ){7}\|$/);
    const cells = rows.map((row: string) => row.split("|").map((cell) => cell.trim()));
    expect(cells).toEqual([["", "demo", "fast", "0.25 (0.24 to 0.26)", "", "", "0.7", "5", ""]]);
    expect(await described({ keys: new KeyRing([]) })).toBe("Models, their classes and parameters.");
  });
});
