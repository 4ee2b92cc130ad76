import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkRedis } from "../../src/queue/redis-connection/start-check.js";
import { deployments, ready } from "../commands/deployment.js";
import { generate } from "../commands/marimba.js";
import { eventually } from "../eventually.js";
import { type RedisServer, startRedis } from "../queue/redis-server.js";
import { Sentinel } from "../queue/sentinel.js";
import { HANGING_MS } from "./ground.js";
import { orderMany, settle, untilUnderWay } from "./orders.js";
import { ask } from "./starve.js";

const JOBS = 8;

describe("over Sentinel", { timeout: HANGING_MS }, () => {
  /** Its own Redis becomes the master. */
  const { deploy, redis: master } = deployments();
  let replica: RedisServer;
  let sentinel: Sentinel;

  beforeAll(async () => {
    // Else it waits some seconds for more replicas to come.
    await ask(master(), (redis) => redis.config("SET", "repl-diskless-sync-delay", 0));
    replica = await startRedis("--appendonly", "yes", "--replicaof", "127.0.0.1", String(master().port));
    await ask(replica, async (redis) => {
      await eventually(async () => expect(await redis.info("replication")).toMatch(/^master_link_status:up/m));
    });
    sentinel = await Sentinel.start(master());
  });
  afterAll(async () => {
    await sentinel?.stop();
    await replica?.stop();
  });

  it("a start says in one sentence whether it is the sentinels or the master's name", async () => {
    const says = (redisUrl: string) =>
      checkRedis({ redisUrl, redisPrefix: "start", acceptDurable: false, connectMs: 4000 }).catch(
        ({ message }: Error) => message,
      );
    const [misnamed, away] = await Promise.all([
      says(sentinel.url.replace(/[^/]+$/, "another")),
      says("redis+sentinel://:secret@127.0.0.1:1,127.0.0.1:2/mymaster"),
    ]);
    expect(misnamed).toMatch(/^Redis at \S+\/another can't be reached \(its sentinels know no master of this name\); /);
    expect(away).toBe(
      "Redis at redis+sentinel://127.0.0.1:1,127.0.0.1:2/mymaster can't be reached (no sentinel answers); " +
        "REDIS_URL must be its address.",
    );
  });

  it("a master that is killed costs no job that its replica has: processes find the new one by themselves", async () => {
    const { api, worker } = deploy({ REDIS_URL: sentinel.url, LOG_LEVEL: "warn" });
    const [{ address }] = await Promise.all([api(), worker()]);
    const orders = await orderMany(address, JOBS);
    await untilUnderWay(address, orders);
    await ask(master(), async (redis) => {
      await redis.set("probe", 1, "PX", 1);
      expect(await redis.wait(1, 10_000)).toBe(1);
    });
    await master().kill();
    const refused = await generate(address, { class: 0 }, { prefer: "respond-async" });
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: "queue_unavailable" });
    expect(await sentinel.masterOtherThan(master().port)).toBe(replica.port);
    const outcomes = await settle(address, orders);
    expect(outcomes.map(({ state }) => state)).toEqual(Array(JOBS).fill("completed"));
    await ready(address, 200);

    // The new master has no replica yet: where it must have one, it takes nothing.
    await ask(replica, (redis) => redis.config("SET", "min-replicas-to-write", 1));
    const alone = await generate(address, { class: 0 }, { prefer: "respond-async" });
    expect([alone.status, await alone.json()]).toMatchObject([503, { code: "queue_unavailable" }]);
    await ask(replica, (redis) => redis.config("SET", "min-replicas-to-write", 0));
    expect((await generate(address, { class: 0 })).status).toBe(200);
  });
});
