import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { openEvents } from "../api/events/event-client.js";
import { ready } from "../commands/deployment.js";
import { generate } from "../commands/marimba.js";
import { eventually } from "../eventually.js";
import { Ground, HANGING_MS } from "./ground.js";
import { order, untilUnderWay } from "./orders.js";
import { ask } from "./starve.js";

/** Takes longer than the test waits for it. */
const ENDLESS = { class: "star", steps: 64, diffusion_steps: 1000 };
const MANY = { ...ENDLESS, num_images: 8 };
const LOST = { code: "job_lost", detail: expect.stringMatching(/emptied/) };

interface QueueReply {
  readonly models: readonly { readonly totals: { readonly accepted: number } }[];
}

const openAiStream = (address: string, body: object) =>
  fetch(`${address}/v1/images/generations`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

describe("when Redis loses all that it has while jobs wait and run", { timeout: HANGING_MS }, () => {
  const opened: Ground[] = [];
  afterEach(async () => {
    for (const ground of opened.splice(0)) await ground.close();
  });

  it.each([
    ["is flushed", (ground: Ground) => ask(ground.redis, (redis) => redis.flushall())],
    [
      "restarts empty",
      async ({ redis }: Ground) => {
        await redis.kill();
        rmSync(join(redis.folder, "appendonlydir"), { recursive: true });
        await redis.start();
      },
    ],
  ] as const)("as it %s, every client gets an end, and new jobs are made", async (_, empty) => {
    const ground = await Ground.open();
    opened.push(ground);
    const [{ address }] = await Promise.all([ground.api(), ground.worker()]);
    const running = await order(address, MANY);
    await untilUnderWay(address, [running]);
    const waiting = await order(address, MANY);

    const port = Number(new URL(address).port);
    const streams = await Promise.all([running, waiting].map(({ id }) => openEvents(port, `/jobs/${id}/events`)));
    const answers = Promise.allSettled([
      generate(address, MANY, { prefer: "wait=60" }),
      generate(address, ENDLESS, { accept: "image/png" }),
      openAiStream(address, { ...ENDLESS, class: undefined, prompt: "a star", stream: true }),
    ]);
    await eventually(async () => {
      const { models } = (await (await fetch(`${address}/admin/queue`)).json()) as QueueReply;
      expect(models[0]!.totals.accepted).toBe(5);
    });
    await empty(ground);

    for (const { id } of [running, waiting]) {
      const gone = await fetch(`${address}/jobs/${id}`);
      if (gone.status !== 503) expect([gone.status, await gone.json()]).toMatchObject([410, LOST]);
    }
    for (const stream of streams) {
      expect(await stream.ended).toBe(true);
      expect(stream.events.at(-1)).toMatchObject({ name: "failed", data: { state: "failed", error: LOST } });
    }
    const [synchronous, image, openAi] = (await answers).map((answer) => (answer as { value: Response }).value);
    expect(await synchronous!.json()).toMatchObject({ state: "failed", error: LOST });
    expect([image!.status, await image!.json()]).toMatchObject([410, LOST]);
    expect(await openAi!.text()).toMatch(
      /event: error\ndata: [^\n]*"type":"server_error"[^\n]*"code":"job_lost"[^\n]*\n\n$/,
    );

    await ready(address, 200);
    for (const { id } of [running, waiting]) {
      for (const path of [`/jobs/${id}`, `/jobs/${id}/events`, `/jobs/${id}/images/0`]) {
        const gone = await fetch(address + path);
        expect([path, gone.status, await gone.json()]).toMatchObject([path, 410, LOST]);
      }
    }
    expect((await generate(address, { class: 0 }, { accept: "image/png" })).status).toBe(200);
  });
});
