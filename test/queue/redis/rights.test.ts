import { Redis } from "ioredis";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openRedisQueue } from "../../../src/queue/redis/redis-queue.js";
import { checkRedis } from "../../../src/queue/redis-connection/start-check.js";
import { openRedisSource } from "../../../src/queue/redis-worker/redis-source.js";
import { eventually } from "../../eventually.js";
import { exampleImageOf, exampleJob } from "../example-job.js";
import { redisContract } from "../redis-contract.js";
import { type RedisServer, startRedis } from "../redis-server.js";
import { aclRules } from "../smallest-acl.js";

let server: RedisServer;
let admin: Redis;
beforeAll(async () => {
  server = await startRedis("--appendonly", "yes");
  admin = new Redis(server.url);
});
afterAll(async () => {
  admin?.disconnect();
  await server?.stop();
});

/** The address for a user with these rules and no other. */
async function addressFor(user: string, rules: readonly string[]): Promise<string> {
  await admin.call("ACL", "SETUSER", user, "reset", ...rules);
  return server.url.replace("//", `//${user}:secret@`);
}

redisContract("redis, as a user with the smallest ACL", (redisPrefix) =>
  addressFor(redisPrefix, aclRules(redisPrefix)),
);

describe("a start as a user", () => {
  const said: string[] = [];
  const logger = pino(
    { level: "warn" },
    { write: (line) => void said.push((JSON.parse(line) as { msg: string }).msg) },
  );
  /** What ends a start as a user with these rules, after the address; "" where it succeeds. */
  async function refusal(...rules: readonly string[]): Promise<string> {
    const needs = { redisUrl: await addressFor("marimba", rules), redisPrefix: "marimba", acceptDurable: false };
    const { message } = await checkRedis(needs, logger).then(
      () => ({ message: "" }),
      (error: Error) => error,
    );
    return message.replace(/^Redis at redis:\/\/127\.0\.0\.1:\d+ /, "");
  }

  it("with the smallest ACL succeeds, and warns of what it could not check", async () => {
    said.length = 0;
    expect(await refusal(...aclRules("marimba"))).toBe("");
    expect(said).toEqual([expect.stringMatching(/^Redis's user may not run INFO, so version, .* were not checked\.$/)]);
  });

  it("without any one of its rights ends with a sentence that names it", async () => {
    const rules = aclRules("marimba");
    const rights = rules.filter((rule) => /^[+~&]/.test(rule));
    expect(rights.length).toBeGreaterThan(50);
    for (const right of rights) {
      const sentence = await refusal(...rules.filter((rule) => rule !== right));
      expect(sentence, right).toMatch(/^does not let the user marimba [^\n]+\.$/);
      expect(sentence).toContain(`; the user's ACL needs ${right} (docs/operations.md).`);
    }
  });

  it.each([
    // Redis counts CONFIG and ACL among the dangerous commands, too.
    [["-@dangerous"], "", /^Redis's user may not run INFO/],
    [["-info"], "", /^Redis's user may not run INFO/],
    [["-config"], "", /^Redis's user may not run CONFIG GET/],
    [["-client"], "", undefined],
    [["resetchannels"], "use the channels marimba::*; the user's ACL needs &marimba::*", undefined],
    [["resetkeys", "~other:*"], "use the keys marimba:*; the user's ACL needs ~marimba:*", undefined],
    [["-@scripting"], "run EVAL, EVALSHA; the user's ACL needs +eval +evalsha", undefined],
    [["-@blocking"], "run BZPOPMIN; the user's ACL needs +bzpopmin", undefined],
  ])("with everything but %j", async (rules, sentence, warning) => {
    said.length = 0;
    const expected = sentence && `does not let the user marimba ${sentence} (docs/operations.md).`;
    expect(await refusal("on", ">secret", "allkeys", "allchannels", "+@all", ...rules)).toBe(expected);
    expect(said).toEqual(warning ? [expect.stringMatching(warning)] : []);
  });
});

it("a right that is taken away while a worker runs ends nothing, and is used again once it is back", async () => {
  const redisPrefix = "marimba";
  const redisUrl = await addressFor("marimba", aclRules(redisPrefix));
  const options = { redisUrl, redisPrefix, resultTtlMs: 60_000, maxResultBytes: 1e9, maxCanvasBytes: 1e9 };
  const logger = pino({ level: "silent" });
  const queue = await openRedisQueue({ ...options, maxQueuedImages: 10, acceptDurable: false }, logger);
  const source = await openRedisSource({ ...options, lockMs: 30_000 }, logger);
  try {
    await source.start(["demo"], 1, async (task) => exampleImageOf(task));
    const listeners = async () => Object.values(await admin.pubsub("NUMSUB", "marimba::events", "marimba::control"));
    // Redis closes the connections that listen.
    await admin.call("ACL", "SETUSER", "marimba", "resetchannels");
    await eventually(async () => expect(await listeners()).toEqual(["marimba::events", 0, "marimba::control", 0]));
    await addressFor("marimba", aclRules(redisPrefix));
    await eventually(async () => expect(await listeners()).toEqual(["marimba::events", 1, "marimba::control", 1]));
    const spec = exampleJob({ id: queue.newId() });
    expect((await queue.submit(spec)).kind).toBe("accepted");
    expect(await queue.wait(spec.id, 20_000)).toMatchObject({ state: "completed" });
  } finally {
    await source.close();
    await queue.close();
  }
});
