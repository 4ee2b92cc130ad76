import { afterAll, beforeAll, expect, it } from "vitest";
import { deployments, ready } from "../commands/deployment.js";
import { generate } from "../commands/marimba.js";
import { RedisCluster } from "../queue/redis-cluster.js";
import { HANGING_MS } from "./ground.js";
import { orderMany, settle, untilUnderWay } from "./orders.js";
import { note } from "./tally.js";

const JOBS = 8;
/** `npm run test:chaos` kills a master again and again. */
const ROUNDS = process.env.CHAOS === "long" ? 10 : 1;

const { deploy } = deployments();
let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await RedisCluster.start();
});
afterAll(() => cluster?.stop());

it("a cluster's master that is killed costs no job that its replica has", { timeout: HANGING_MS }, async () => {
  const redisPrefix = "cluster";
  const { api, worker, queue } = deploy({ REDIS_URL: cluster.url, REDIS_PREFIX: redisPrefix, LOG_LEVEL: "warn" });
  const [{ address, marimba: front }, back] = await Promise.all([api(), worker()]);
  for (let round = 0; round < ROUNDS; round++) {
    const orders = await orderMany(address, JOBS, round * JOBS);
    await untilUnderWay(address, orders);
    const killed = await cluster.killMaster(redisPrefix);
    const outcomes = await settle(address, orders);
    expect(outcomes.map(({ state }) => state)).toEqual(Array(JOBS).fill("completed"));
    note({ accepted: JOBS, completed: JOBS, lost: 0, images: 0, differing: 0 });
    await ready(address, 200);
    expect((await generate(address, { class: round })).status).toBe(200);
    if (round < ROUNDS - 1) await cluster.revive(killed);
  }
  // Nothing unforeseen: that would be logged as an error.
  for (const { stderr } of [front, back]) expect(stderr).not.toMatch(/"level":[56]0/);
  const status = await queue("status");
  expect(status).toMatchObject({ code: 0, stderr: "" });
  expect(status.stdout).toMatch(/^demo +0 +0 +1 +open$/m);
});
