import { describe, expect, it } from "vitest";
import { exampleKey } from "../../api/access/example-keys.js";
import { deployments } from "../deployment.js";
import { generate } from "../marimba.js";

const { deploy } = deployments();

describe("two API processes over one Redis", () => {
  const alice = exampleKey("alice", { imagesPerMinute: 20, concurrentImages: 12 });
  const bob = exampleKey("bob");
  const API_KEYS = `${alice.line};${bob.line}`;

  /** One request of Alice's to each API in turn, `count` in all, at once. */
  async function askBoth(addresses: readonly string[], count: number, body: object): Promise<Response[]> {
    const asked = Array.from({ length: count }, (_, i) =>
      generate(addresses[i % addresses.length]!, { class: 0, ...body }, { ...alice.headers, prefer: "respond-async" }),
    );
    return Promise.all(asked);
  }

  it("let through together what a key may ask for in a minute, and not one image more", async () => {
    const { api, worker } = deploy({ API_KEYS, ENGINE: "null" });
    const apis = await Promise.all([api(), api(), worker()]).then(([one, other]) => [one.address, other.address]);
    // One after another, so that images in the making are never the limit.
    let accepted = 0;
    const statuses = new Set<number>();
    for (let i = 0; i < 26; i++) {
      const headers = { ...alice.headers, prefer: "wait=30" };
      const answer = await generate(apis[i % 2]!, { class: 0 }, headers);
      statuses.add(answer.status);
      if (answer.status === 200) accepted++;
      else expect(await answer.json()).toMatchObject({ code: "images_per_minute_exceeded" });
    }
    expect({ accepted, statuses: [...statuses] }).toEqual({ accepted: 20, statuses: [200, 429] });
  });

  it("let through together as many images at once as a key may have, and free them as jobs end on either", async () => {
    const { api, worker, queue } = deploy({ API_KEYS, ENGINE: "null" });
    const apis = await Promise.all([api(), api(), worker()]).then(([one, other]) => [one.address, other.address]);
    expect(await queue("pause")).toMatchObject({ code: 0 });
    const answers = await askBoth(apis, 10, { num_images: 2 });
    const jobs = answers.filter(({ status }) => status === 202);
    expect(jobs).toHaveLength(6);
    for (const answer of answers) {
      if (answer.status === 202) continue;
      expect(await answer.json()).toMatchObject({ code: "concurrent_images_exceeded", status: 429 });
    }
    const refused = await askBoth(apis, 2, { num_images: 1 });
    expect(refused.map(({ status }) => status)).toEqual([429, 429]);
    await fetch(`${apis[1]}${jobs[0]!.headers.get("location")}`, { method: "DELETE", headers: alice.headers });
    const again = await askBoth(apis, 4, { num_images: 1 });
    expect(again.map(({ status }) => status).sort()).toEqual([202, 202, 429, 429]);
  });

  it("show a job to its key on either, and to no other key", async () => {
    const { api, worker } = deploy({ API_KEYS, ENGINE: "null" });
    const [one, other] = await Promise.all([api(), api(), worker()]);
    const made = await generate(one.address, { class: 0 }, { ...alice.headers, prefer: "wait=30" });
    const { id } = (await made.json()) as { id: string };
    for (const path of [`/jobs/${id}`, `/jobs/${id}/images/0`, `/jobs/${id}/events`]) {
      const statusFor = async (headers: Record<string, string>) =>
        (await fetch(`${other.address}${path}`, { headers })).status;
      expect(await statusFor(alice.headers), path).toBe(200);
      expect(await statusFor(bob.headers), path).toBe(404);
      expect(await statusFor({}), path).toBe(401);
    }
  });
});
