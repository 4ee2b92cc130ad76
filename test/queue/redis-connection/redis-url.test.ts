import { describe, expect, it } from "vitest";
import { publicAddress, RedisUrlError, readRedisUrl } from "../../../src/queue/redis-connection/redis-url.js";

describe("REDIS_URL", () => {
  const server = { kind: "server", hosts: [{ host: "127.0.0.1", port: 6379 }], db: 0, isTls: false };

  it.each([
    ["redis://127.0.0.1", server],
    ["redis://", server],
    ["redis://127.0.0.1:6379/", server],
    ["redis://127.0.0.1/8", { ...server, db: 8 }],
    ["redis://127.0.0.1?db=8", { ...server, db: 8 }],
    ["redis://127.0.0.1/8?db=8", { ...server, db: 8 }],
    ["redis://127.0.0.1?family=6", { ...server, family: 6 }],
    ["redis://127.0.0.1/2?tls=true&family=0", { ...server, db: 2, isTls: true, family: 0 }],
    ["rediss://127.0.0.1?tls=true", { ...server, isTls: true }],
    ["redis://[::1]:7000", { ...server, hosts: [{ host: "::1", port: 7000 }] }],
    ["redis://:secret@127.0.0.1", { ...server, password: "secret" }],
    ["redis://user:p%40s%2F%3As:x@127.0.0.1", { ...server, username: "user", password: "p@s/:s:x" }],
    ["redis://127.0.0.1?username=user&password=p%26s", { ...server, username: "user", password: "p&s" }],
    ["redis://user@127.0.0.1?password=secret", { ...server, username: "user", password: "secret" }],
    [
      "redis+sentinel://:secret@one:1,two/mymaster/3",
      {
        kind: "sentinel",
        hosts: [
          { host: "one", port: 1 },
          { host: "two", port: 26_379 },
        ],
        master: "mymaster",
        db: 3,
        isTls: false,
        password: "secret",
      },
    ],
    ["redis+sentinel://one/mymaster?db=3", { kind: "sentinel", master: "mymaster", db: 3 }],
    [
      "rediss+cluster://user:secret@one:7000,[fd00::2]",
      {
        kind: "cluster",
        hosts: [
          { host: "one", port: 7000 },
          { host: "fd00::2", port: 6379 },
        ],
        isTls: true,
        username: "user",
      },
    ],
    ["redis+cluster://one/0?tls=true", { kind: "cluster", db: 0, isTls: true }],
  ])("%s", (redisUrl, address) => expect(readRedisUrl(redisUrl)).toMatchObject(address));

  it.each([
    ["http://127.0.0.1", /^REDIS_URL is not an address of Redis; it must be redis:\/\/USER/],
    ["127.0.0.1:6379", /^REDIS_URL is not an address of Redis/],
    ["redis://127.0.0.1:99999", /^REDIS_URL is not an address of Redis/],
    ["redis+sentinel://one", /^REDIS_URL is not an address of Redis/],
    ["redis+cluster://", /^REDIS_URL is not an address of Redis/],
    ["redis://127.0.0.1/eight", /^REDIS_URL does not name its database by a number\.$/],
    ["redis://127.0.0.1?db=8.5", /^REDIS_URL does not name its database by a number\.$/],
    ["redis://127.0.0.1/1?db=8", /^REDIS_URL names two databases: in its path and as db\.$/],
    ["redis://127.0.0.1?family=5", /^REDIS_URL has the parameter family, which must be 4, 6 or 0\.$/],
    ["redis://127.0.0.1?tls=yes", /^REDIS_URL has the parameter tls, which must be true or false\.$/],
    ["rediss://127.0.0.1?tls=false", /^REDIS_URL begins with rediss, but says tls=false\.$/],
    ["redis://127.0.0.1?db=1&db=1", /^REDIS_URL has the parameter db twice\.$/],
    [
      "redis://127.0.0.1?ssl_cert_reqs=none",
      /^REDIS_URL has the parameter ssl_cert_reqs, which Marimba does not know; it knows db, family, password, tls, username\.$/,
    ],
    [
      "redis://127.0.0.1/0#cache",
      /^REDIS_URL has a # followed by more; if it belongs to the password, write it as %23\.$/,
    ],
    [
      "redis://:secret@127.0.0.1?password=secret",
      /^REDIS_URL has a password before the host and another as a parameter\.$/,
    ],
    ["redis://one,two", /^REDIS_URL names several hosts; .* redis\+cluster:\/\/ or redis\+sentinel:\/\/\.$/],
    ["redis+cluster://one/3", /^REDIS_URL names the database 3, but a cluster has only database 0\.$/],
    ["redis+sentinel://one/mymaster?tls=true", /^REDIS_URL asks for TLS, which Marimba does not use with Sentinel\.$/],
    ["redis://:secret%@127.0.0.1", /^REDIS_URL has a % in password .*; write it as %25\.$/],
    ["redis://user:12#secret@127.0.0.1", /write it as %23\.$/],
    [
      "redis://user:12?secret@127.0.0.1",
      /^REDIS_URL has a \? followed by more; if it belongs to the password, write it as %3F\.$/,
    ],
    ["redis://user:pass/secret@127.0.0.1", /^REDIS_URL is not an address of Redis/],
  ])("%s is refused in one sentence without the password", (redisUrl, says) => {
    const read = () => readRedisUrl(redisUrl);
    expect(read).toThrow(RedisUrlError);
    expect(read).toThrow(says);
    expect(read).not.toThrow(/secret/);
  });

  it("is shown without user, password and parameters", () => {
    expect(publicAddress("redis://user:p@ss@127.0.0.1:1/2?password=secret#x")).toBe("redis://127.0.0.1:1/2");
    expect(publicAddress("redis+cluster://user:secret@one,two")).toBe("redis+cluster://one,two");
  });
});
