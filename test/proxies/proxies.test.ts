import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { generate, Marimba } from "../commands/marimba.js";
import { type ProxyName, startProxy } from "./documented-proxy.js";

const PROXIES: readonly ProxyName[] = ["nginx", "caddy", "haproxy"];
const QUICK = { class: "star", seed: 7, preset: "fast" };
/** Long enough to be met on the way. */
const SLOW = { class: "star", steps: 64, diffusion_steps: 1000 };
/** Longer than most proxies wait for a response by default; shorter than SYNC_TIMEOUT_S. */
const SILENCE_S = 110;

let marimba: Marimba;
let service: string;
beforeAll(async () => {
  const environment = { PUBLIC_PATH: "/marimba", TRUST_PROXY: "127.0.0.1", MODELS: "demo", MAX_BATCH: "1" };
  marimba = new Marimba(["serve"], environment);
  service = await marimba.address();
  await marimba.prints(/^Ready\./m);
});
afterAll(async () => {
  marimba?.kill("SIGTERM");
  await marimba?.ended;
});

async function open(name: ProxyName, change?: (text: string) => string): Promise<string> {
  const { address, stop } = await startProxy(name, service, change);
  onTestFinished(stop);
  return address;
}

interface Job {
  readonly state: string;
  readonly images: { readonly url: string }[];
  readonly links: { readonly self: string };
}

/** Submits a job and reads its events until the first step; returns its state at that time, and cancels it. */
async function stateAtFirstStep(address: string): Promise<string> {
  const accepted = await generate(address, SLOW, {});
  const job = new URL(accepted.headers.get("location")!, address);
  const events = await fetch(`${job}/events`);
  let text = "";
  for await (const chunk of events.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes("event: progress")) break;
  }
  const { state } = (await (await fetch(service + job.pathname)).json()) as Job;
  await fetch(job, { method: "DELETE" });
  return state;
}

describe.each(PROXIES)("%s, configured as docs/proxies.md shows,", (name) => {
  it("passes on images, events as they happen, and addresses that work", async () => {
    const address = await open(name);
    const image = await generate(address, QUICK);
    expect(image.headers.get("content-type")).toBe("image/png");
    const bytes = Buffer.from(await image.arrayBuffer());
    expect(await stateAtFirstStep(address)).toBe("running");
    const answer = await generate(address, QUICK, { prefer: "wait=60" });
    const job = (await answer.json()) as Job;
    for (const path of [job.images[0]!.url, image.headers.get("content-location")!]) {
      const again = await fetch(new URL(path, address));
      expect(Buffer.from(await again.arrayBuffer())).toEqual(bytes);
    }
    const { seed, preset } = QUICK;
    const body = JSON.stringify({ prompt: "star", seed, preset, response_format: "url" });
    const headers = { "content-type": "application/json" };
    const openAi = await fetch(`${address}/v1/images/generations`, { method: "POST", headers, body });
    const { data } = (await openAi.json()) as { data: { url: string }[] };
    expect(data[0]!.url).toMatch(new RegExp(`^${address}/jobs/`));
    expect(Buffer.from(await (await fetch(data[0]!.url)).arrayBuffer())).toEqual(bytes);
    expect((await fetch(address)).url).toBe(`${address}/`);
  });

  if (process.env.CHAOS !== "long") return;
  it(`waits ${SILENCE_S} s for a response`, { timeout: 2 * SILENCE_S * 1000 }, async () => {
    const address = await open(name);
    const occupying = await generate(service, { ...SLOW, num_images: 64 }, {});
    const answer = await generate(address, QUICK, { prefer: `wait=${SILENCE_S}` });
    expect([answer.status, ((await answer.json()) as Job).state]).toEqual([202, "queued"]);
    await fetch(service + occupying.headers.get("location"), { method: "DELETE" });
  });
});

describe("nginx with its old default, HTTP/1.0,", () => {
  it("passes on images, and events as they happen", async () => {
    const address = await open("nginx", (text) => text.replace("proxy_http_version 1.1", "proxy_http_version 1.0"));
    expect((await generate(address, QUICK)).status).toBe(200);
    expect(await stateAtFirstStep(address)).toBe("running");
  });
});
