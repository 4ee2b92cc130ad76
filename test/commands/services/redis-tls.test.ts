import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect } from "../../../src/queue/redis-connection/connection.js";
import { readRedisUrl } from "../../../src/queue/redis-connection/redis-url.js";
import { checkRedis } from "../../../src/queue/redis-connection/start-check.js";
import { freePort } from "../../free-port.js";
import { type Certificate, makeCertificate, tlsSettings } from "../../queue/certificate.js";
import { type RedisServer, startRedis } from "../../queue/redis-server.js";
import { bytes, deployments } from "../deployment.js";
import { generate } from "../marimba.js";

const { deploy, redis: plainRedis } = deployments();

let folder: string;
let own: Certificate;
let other: Certificate;
let server: RedisServer;
/** It asks whoever connects for a certificate, as redis-server does unless it is told not to. */
let mutual: RedisServer;
const address = ({ url }: { url: string }, scheme = "rediss", host = "127.0.0.1") =>
  `${scheme}://${host}:${new URL(url).port}`;

async function startTls(authClients: string): Promise<RedisServer> {
  const port = await freePort();
  return Object.assign(await startRedis("--appendonly", "yes", ...tlsSettings(port, own, authClients)), {
    url: `rediss://127.0.0.1:${port}`,
  });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "marimba-tls-"));
  own = makeCertificate(folder, "own");
  other = makeCertificate(folder, "other");
  [server, mutual] = await Promise.all([startTls("no"), startTls("yes")]);
});
afterAll(async () => {
  await Promise.all([server?.stop(), mutual?.stop()]);
  rmSync(folder, { recursive: true });
});

describe("rediss://", () => {
  it("carries a job from an API to a worker and its image back, and nobody complains", async () => {
    const { api, worker } = deploy({ REDIS_URL: address(server), NODE_EXTRA_CA_CERTS: own.certificate });
    const [front, back] = await Promise.all([api(), worker()]);
    const answer = await generate(front.address, { class: 1, seed: 3 });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/png"]);
    expect((await bytes(answer)).subarray(1, 4).toString()).toBe("PNG");
    for (const { stderr } of [front.marimba, back]) expect(stderr).not.toMatch(/[Ww]arning|"level":[456]0/);
  });

  it("carries a job over a cluster as rediss+cluster://", async () => {
    const [port, busPort] = [await freePort(), String(await freePort())];
    const cluster = [
      "--cluster-enabled",
      "yes",
      "--cluster-port",
      busPort,
      "--cluster-announce-ip",
      "127.0.0.1",
      "--tls-cluster",
      "yes",
    ];
    const node = await startRedis("--appendonly", "yes", ...cluster, ...tlsSettings(port, own));
    try {
      const client = new Redis({ host: "127.0.0.1", port, tls: { ca: readFileSync(own.certificate) } });
      await client.call("CLUSTER", "ADDSLOTSRANGE", 0, 16_383);
      client.disconnect();
      const url = `rediss+cluster://127.0.0.1:${port}`;
      const { api, worker } = deploy({ REDIS_URL: url, NODE_EXTRA_CA_CERTS: own.certificate });
      const [front] = await Promise.all([api(), worker()]);
      expect((await generate(front.address, { class: 1, seed: 3 })).status).toBe(200);
    } finally {
      await node.stop();
    }
  });

  it("tells a server its name, and no address for a name", () => {
    const options = (redisUrl: string) => connect(readRedisUrl(redisUrl), { lazyConnect: true }).options;
    expect(options("rediss://redis.example:6380/2")).toMatchObject({ tls: { servername: "redis.example" }, db: 2 });
    for (const host of ["127.0.0.1", "[::1]"]) expect(options(`rediss://${host}`)).toMatchObject({ tls: {} });
    expect(options("redis://redis.example")).not.toHaveProperty("tls");
  });

  it("with another authority's certificate ends the start with one sentence", async () => {
    const { start } = deploy({ REDIS_URL: address(server), NODE_EXTRA_CA_CERTS: other.certificate });
    const { code, stdout, stderr } = await start("api", { LOG_LEVEL: "silent" }).ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(
      `Redis at ${address(server)} has a certificate that is not trusted (self-signed certificate); ` +
        "NODE_EXTRA_CA_CERTS must name the file with the certificate of its authority.\n",
    );
  });

  const says = async (redisUrl: string) => {
    const refused = await checkRedis({ redisUrl, redisPrefix: "start", acceptDurable: false, connectMs: 4000 }).then(
      () => "nothing",
      (error: Error) => error.message,
    );
    return refused.replace(/^Redis at \S+ /, "");
  };

  it("says what else is wrong with it in one sentence", async () => {
    const [untrusted, plain, secure] = await Promise.all([
      says(address(server)),
      says(address(plainRedis())),
      says(address(server, "redis")),
    ]);
    expect(untrusted).toMatch(/^has a certificate that is not trusted \(self-signed certificate\); .*\.$/);
    const unreached = (reason: string) => `can't be reached (${reason}); REDIS_URL must be its address.`;
    expect(plain).toBe(unreached("it does not answer over TLS: perhaps it speaks plain TCP, which needs redis://"));
    expect(secure).toBe(unreached("it closes every connection: perhaps it speaks TLS, which needs rediss://"));
  });

  it("says which host's certificate it expects, and that it has no client certificate", async () => {
    const { start } = deploy({ NODE_EXTRA_CA_CERTS: own.certificate, LOG_LEVEL: "silent" });
    const urls = [address(server, "rediss", "localhost"), address(mutual)];
    const ended = await Promise.all(urls.map((REDIS_URL) => start("worker", { REDIS_URL }).ended));
    expect(ended.map(({ code }) => code)).toEqual([1, 1]);
    expect(ended[0]!.stderr).toMatch(/^[^\n]+ has a certificate for another host; [^\n]+\.\n$/);
    expect(ended[1]!.stderr).toMatch(/^[^\n]+ requires a client certificate, which Marimba does not have[^\n]+\.\n$/);
  });
});
