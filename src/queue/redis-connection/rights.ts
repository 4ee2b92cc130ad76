import type { RedisClient } from "./connection.js";
import { UnfitRedis } from "./redis-errors.js";

/** What our scripts and BullMQ's call, with as many arguments as each takes at least; K is a key. */
const IN_SCRIPTS = `
  DEL K; EXISTS K; EXPIRE K 1; GET K; HDEL K f; HEXISTS K f; HGET K f; HGETALL K; HINCRBY K f 1; HKEYS K; HLEN K; HMGET K f;
  HMSET K f v; HSET K f v; HVALS K; INCR K; LINDEX K 0; LLEN K; LPOP K; LPOS K v; LPUSH K v; LRANGE K 0 0; LREM K 0 v;
  LTRIM K 0 0; PERSIST K; PEXPIRE K 1; PEXPIREAT K 1; PTTL K; RENAME K K; RPOP K; RPOPLPUSH K K; RPUSH K v; SADD K v; SCARD K;
  SET K v; SMEMBERS K; SREM K v; TIME; UNLINK K; XADD K * f v; XTRIM K MAXLEN 1; ZADD K 1 v; ZCARD K; ZCOUNT K 0 0;
  ZINCRBY K 1 v; ZPOPMIN K; ZRANGE K 0 0; ZRANGEBYSCORE K 0 0; ZREM K v; ZREMRANGEBYRANK K 0 0; ZREMRANGEBYSCORE K 0 0;
  ZREVRANGE K 0 0; ZREVRANGEBYSCORE K 0 0; ZSCORE K v`
  .split(";")
  .map((call) => call.trim().split(" "));

/** How the errors of Redis 7.0, and of newer ones and Valkey, begin in a script where the user may not. */
const DENIED_IN_SCRIPT = /^(ERR )?(The user executing the script can't|ACL failure in script)/;

/** Tries each command, which in a script without writes changes nothing, and returns the errors in their order. */
const PROBE = `#!lua flags=no-writes
local errors = {}
for at, call in ipairs(ARGV) do
  local reply = redis.pcall(unpack(cjson.decode(call)))
  errors[at] = type(reply) == "table" and reply.err or ""
end
return errors`;

/**
 * Throws where Redis's user may not do what a queue needs, and says what the user's ACL needs. Changes nothing in Redis.
 * Returns whether the user may run INFO, which can be done without.
 */
export async function checkRights(
  client: RedisClient,
  subscriber: RedisClient,
  redisPrefix: string,
  user: string,
): Promise<boolean> {
  // One as ours and one as BullMQ's, though no queue has this name. A cluster refuses them together, unless the prefix is a tag.
  const keys = [`${redisPrefix}::probe`, `${redisPrefix}:-probe`] as const;
  const channels = [`${redisPrefix}::events`, `${redisPrefix}::control`] as const;
  const needs = new Set<string>();
  const note = (command: string, error = "") => {
    if (/\bkeys?\b/.test(error)) needs.add(`~${redisPrefix}:*`);
    else if (/\bchannels?\b/.test(error)) needs.add(`&${redisPrefix}::*`);
    else needs.add(`+${command.toLowerCase()}`);
  };
  const attempt = async (command: string, reply: Promise<unknown>) => {
    const error = await reply.then(
      () => undefined,
      ({ message }: Error) => message,
    );
    if (error?.startsWith("NOPERM")) note(command, error);
  };
  const calls = [
    ["INFO", "server"],
    ...channels.map((channel) => ["PUBLISH", channel, ""]),
    ...IN_SCRIPTS.map((words) => words.map((word) => (word === "K" ? keys[0] : word))),
  ];
  const tried = client.eval(PROBE, keys.length, ...keys, ...calls.map((call) => JSON.stringify(call)));
  const errors = await (tried as Promise<string[]>).catch((error: Error) => {
    if (error.message.startsWith("NOPERM")) note("EVAL", error.message);
    // Redis before 7.0 does not know flags of scripts; its version is checked next.
    else if (!error.message.includes("compiling script")) throw error;
    return [];
  });
  for (const [at, error] of errors.entries()) if (DENIED_IN_SCRIPT.test(error)) note(calls[at]![0]!, error);
  await attempt("EVALSHA", client.evalsha("0".repeat(40), 1, keys[0]));
  await attempt("BZPOPMIN", client.bzpopmin(keys[0], 0.01));
  await attempt("SUBSCRIBE", subscriber.subscribe(...channels));
  const canInfo = !needs.delete("+info");
  if (needs.size > 0) throw new UnfitRedis(refusal(user, redisPrefix, [...needs]));
  return canInfo;
}

function refusal(user: string, redisPrefix: string, needs: readonly string[]): string {
  const commands = needs.filter((need) => need.startsWith("+")).map((need) => need.slice(1).toUpperCase());
  const denied = [
    ...(commands.length > 0 ? [`run ${commands.join(", ")}`] : []),
    ...(needs.some((need) => need.startsWith("~")) ? [`use the keys ${redisPrefix}:*`] : []),
    ...(needs.some((need) => need.startsWith("&")) ? [`use the channels ${redisPrefix}::*`] : []),
  ];
  return `does not let the user ${user} ${denied.join(" or ")}; the user's ACL needs ${needs.join(" ")} (docs/operations.md).`;
}
