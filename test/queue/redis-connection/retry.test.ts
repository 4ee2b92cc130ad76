import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Scripts } from "../../../src/queue/redis/scripts.js";
import { isPassing, retry } from "../../../src/queue/redis-connection/retry.js";
import { failAppendOnlyFile, mendAppendOnlyFile } from "../../chaos/starve.js";
import { type RedisServer, startRedis } from "../redis-server.js";

let server: RedisServer;
let client: Redis;
beforeAll(async () => {
  server = await startRedis("--appendonly", "yes");
  client = new Redis(server.url);
});
afterAll(async () => {
  client?.disconnect();
  await server?.stop();
});

it("treats every error of a Redis that can't write as one that passes", async () => {
  await failAppendOnlyFile(server);
  // Never called before: Redis does not hold the script, and keeps none that it refuses.
  const scripts = new Scripts(client, "retry");
  const call = () => scripts.call("serve", "worker", "{}", 1000, 0, "demo");
  const errors: unknown[] = [];
  for (let round = 0; round < 50; round++) {
    const calls = Array.from({ length: 4 }, async (_, i) => {
      await new Promise((resolve) => setTimeout(resolve, i * (round % 3)));
      return call();
    });
    for (const result of await Promise.allSettled(calls)) if (result.status === "rejected") errors.push(result.reason);
  }
  mendAppendOnlyFile(server);
  expect(errors).toHaveLength(200);
  // Seldom among them, but then it left an image to nobody.
  expect(isPassing(new Error("NOSCRIPT No matching script. Please use EVAL."))).toBe(true);
  expect(errors.filter((error) => !isPassing(error)).map(String)).toEqual([]);
});

it("goes on after an unexpected error, and reports it", async () => {
  const unforeseen = [new Error("ERR no idea"), new Error("MISCONF for now")];
  const left = [...unforeseen];
  const reported: unknown[] = [];
  const call = async () => {
    const error = left.shift();
    if (error) throw error;
    return "done";
  };
  expect(await retry(call, new AbortController().signal, (error) => reported.push(error))).toBe("done");
  expect(reported).toEqual([unforeseen[0]]);
});
