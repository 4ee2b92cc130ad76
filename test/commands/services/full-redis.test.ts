import { describe, expect, it } from "vitest";
import { ask } from "../../chaos/starve.js";
import { eventually } from "../../eventually.js";
import { accepted, bytes, deployments, hasEnded, jobWhere, ready } from "../deployment.js";
import { generate } from "../marimba.js";

const { deploy, redis } = deployments();

/** From now on Redis refuses to store anything, or takes things again. */
const fill = (isFull: boolean) => ask(redis(), (client) => client.config("SET", "maxmemory", isFull ? 1 : 0));

describe("while Redis is full", () => {
  it("an API starts, is ready, serves what is finished, and accepts jobs once there is room", async () => {
    const { api, worker } = deploy({ LOG_LEVEL: "silent" });
    const [first] = await Promise.all([api(), worker()]);
    const job = await jobWhere(await accepted(first.address, { class: 0 }), hasEnded);
    await fill(true);
    try {
      const { address } = await api();
      await ready(address, 200);
      const { id } = job as unknown as { id: string };
      expect((await bytes(fetch(`${address}/jobs/${id}/images/0`))).length).toBeGreaterThan(0);
      const refused = await generate(address, { class: 0 });
      expect([refused.status, refused.headers.has("retry-after")]).toEqual([503, true]);
      expect(await refused.json()).toMatchObject({ code: "queue_unavailable" });
      await fill(false);
      await eventually(async () => expect((await generate(address, { class: 0 })).status).toBe(200));
    } finally {
      await fill(false);
    }
  });

  it("a worker starts, and an API of a deployment that has nothing in Redis yet ends with one sentence", async () => {
    const { start, worker } = deploy({ LOG_LEVEL: "silent" });
    await fill(true);
    try {
      await worker();
      for (const command of ["api", "serve"]) {
        const { code, stderr } = await start(command).ended;
        expect([command, code]).toEqual([command, 1]);
        expect(stderr).toMatch(/^Redis at redis:\/\/127\.0\.0\.1:\d+ [^\n]*OOM[^\n]*\.\n$/);
      }
    } finally {
      await fill(false);
    }
  });
});
