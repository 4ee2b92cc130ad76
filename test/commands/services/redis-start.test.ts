import { describe, expect, it } from "vitest";
import { ask, failAppendOnlyFile } from "../../chaos/starve.js";
import { freePort } from "../../free-port.js";
import { startRedis } from "../../queue/redis-server.js";
import { deployments, metric, monitor, ready } from "../deployment.js";
import { Marimba } from "../marimba.js";

const { deploy, redis } = deployments();

describe("a start that can't use Redis ends with one sentence:", () => {
  const oneSentence = /^[^\n]+\.\n$/;

  it.each(["api", "worker", "queue"])("marimba %s without REDIS_URL", async (command) => {
    const args = command === "queue" ? ["queue", "status"] : [command];
    const { code, stdout, stderr } = await new Marimba(args).ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(oneSentence);
    expect(stderr).toMatch(`REDIS_URL is not set; marimba ${command} needs`);
  });

  it("marimba api, worker or serve where nothing listens", async () => {
    const { start } = deploy({ REDIS_URL: "redis://127.0.0.1:1", LOG_LEVEL: "silent" });
    // Each tries for some seconds: all at once.
    const ended = await Promise.all(["api", "worker", "serve"].map((command) => start(command).ended));
    for (const { code, stdout, stderr } of ended) {
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(oneSentence);
      expect(stderr).toMatch(/127\.0\.0\.1:1/);
    }
  });

  it("marimba api with a wrong password, which it keeps to itself", async () => {
    const guarded = await startRedis("--requirepass", "right-one");
    try {
      const url = guarded.url.replace("redis://", "redis://:wrong-one@");
      const { code, stderr } = await deploy({ REDIS_URL: url, LOG_LEVEL: "silent" }).start("api").ended;
      expect(code).toBe(1);
      expect(stderr).toMatch(oneSentence);
      expect(stderr).toMatch(/password/);
      expect(stderr).not.toMatch(/wrong-one/);
    } finally {
      await guarded.stop();
    }
  });
});

describe("a start says in one sentence what is wrong with REDIS_URL or with what it names:", () => {
  const commands = ["api", "worker", "serve", "queue"];

  /** What a command says as it ends, after the address. */
  async function says(command: string, redisUrl: string): Promise<string> {
    const { start, queue } = deploy({ REDIS_URL: redisUrl, REDIS_PREFIX: "start", LOG_LEVEL: "silent" });
    const { code, stdout, stderr } = await (command === "queue" ? queue("status") : start(command).ended);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^[^\n]+\.\n$/);
    expect(stderr).not.toMatch(/secret/);
    return stderr.trimEnd().replace(/^Redis at redis:\/\/127\.0\.0\.1:\d+ /, "");
  }

  it("of a user with too few rights", async () => {
    const rights = ["on", ">secret", "allkeys", "resetchannels", "+@all", "-@scripting"];
    await ask(redis(), (client) => client.call("ACL", "SETUSER", "few", ...rights));
    const url = redis().url.replace("//", "//few:secret@");
    for (const sentence of await Promise.all(commands.map((command) => says(command, url))))
      expect(sentence).toBe(
        "does not let the user few run EVAL, EVALSHA or use the channels start::*; the user's ACL needs " +
          "+eval +evalsha &start::* (docs/operations.md).",
      );
  });

  it("of an address that can't be read", async () => {
    const url = "redis://:secret@127.0.0.1?protocol=3";
    for (const sentence of await Promise.all(commands.map((command) => says(command, url))))
      expect(sentence).toBe(
        "REDIS_URL has the parameter protocol, which Marimba does not know; it knows db, family, password, tls, username.",
      );
  });

  it("of a cluster's node, of a server that is none, and of a cluster that is away", async () => {
    const node = await startRedis("--cluster-enabled", "yes", "--cluster-port", String(await freePort()));
    try {
      const isNode =
        "is a node of a cluster; REDIS_URL must begin with redis+cluster://, or rediss+cluster:// for TLS.";
      expect(await says("worker", node.url)).toBe(isNode);
      await ask(node, (client) => client.call("CLUSTER", "ADDSLOTSRANGE", 0, 16_383));
      expect(await says("worker", node.url)).toBe(isNode);
    } finally {
      await node.stop();
    }
    const [single, away] = [redis().url.replace("redis:", "redis+cluster:"), "redis+cluster://127.0.0.1:1,127.0.0.1:2"];
    expect(await Promise.all([says("worker", single), says("queue", away)])).toEqual([
      `Redis at ${single} is not a cluster; REDIS_URL must begin with redis://, or rediss:// for TLS.`,
      `Redis at ${away} can't be reached (connect ECONNREFUSED 127.0.0.1:1); REDIS_URL must be its address.`,
    ]);
  });
});

describe("a start refuses a Redis that is not fit for a queue, in one sentence:", () => {
  it.each([
    [["--maxmemory-policy", "allkeys-lru"], {}, /has maxmemory-policy allkeys-lru, .* must be noeviction\.$/],
    [["--appendonly", "no"], { ACCEPT_DURABLE: "true" }, /ACCEPT_DURABLE=true needs (7\.2 or newer|appendonly yes)\.$/],
  ] as const)("%j %j", async (settings, environment, says) => {
    const unfit = await startRedis(...settings);
    try {
      const own = { REDIS_URL: unfit.url, LOG_LEVEL: "silent", ...environment };
      const { code, stdout, stderr } = await deploy(own).start("api").ended;
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(/^[^\n]+\.\n$/);
      expect(stderr.trimEnd()).toMatch(says);
    } finally {
      await unfit.stop();
    }
  });

  it.each(["api", "worker"])("marimba %s where the append-only file can't be written", async (command) => {
    const full = await startRedis("--appendonly", "yes");
    try {
      await failAppendOnlyFile(full);
      const { code, stderr } = await deploy({ REDIS_URL: full.url, LOG_LEVEL: "silent" }).start(command).ended;
      expect(code).toBe(1);
      expect(stderr).toMatch(/^[^\n]+ can't write its append-only file, [^\n]+\.\n$/);
    } finally {
      await full.stop();
    }
  });
});

describe("WORKER_PORT", () => {
  it("answers health and metrics, and nothing else", async () => {
    const { start } = deploy({ WORKER_PORT: "0" });
    const marimba = start("worker");
    const address = await monitor(marimba);
    expect((await fetch(`${address}/health/live`)).status).toBe(200);
    await marimba.prints(/^Ready/m);
    expect(await ready(address, 200)).toEqual({ status: "ready", threads: 1 });
    expect(await metric(marimba, "marimba_max_batch")).toBe(4);
    expect(await (await fetch(`${address}/metrics`)).text()).toMatch(/^process_resident_memory_bytes \d+$/m);
    expect((await fetch(`${address}/generate`)).status).toBe(404);
    const posted = await fetch(`${address}/metrics`, { method: "POST" });
    expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  it("is named when it is taken", async () => {
    const { start } = deploy();
    const port = new URL(redis().url).port;
    const { code, stderr } = await start("worker", { WORKER_PORT: port, LOG_LEVEL: "silent" }).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Can't listen on 127\.0\.0\.1:\d+: .*set WORKER_PORT to a free port[^\n]*\n$/);
  });
});
