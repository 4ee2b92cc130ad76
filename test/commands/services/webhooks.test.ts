import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { exampleKey } from "../../api/access/example-keys.js";
import { freePort } from "../../free-port.js";
import { Receiver, verified } from "../../webhooks/receiver.js";
import { deployments, type Job } from "../deployment.js";
import { generate } from "../marimba.js";

const { deploy } = deployments();
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const alice = exampleKey("alice", { webhookSecret: SECRET });
const SETTINGS = {
  API_KEYS: `${alice.line};${exampleKey("bob").line}`,
  ENGINE: "null",
  WEBHOOK_ALLOW_HOSTS: "127.0.0.1,localhost",
  WEBHOOK_RETRY_MS: "100",
};
/** Longer than the lease of an attempt whose process was killed. */
const soon = { timeout: 50_000, interval: 50 };

const receivers: Receiver[] = [];
afterEach(async () => {
  for (const receiver of receivers.splice(0)) await receiver.close();
});
async function receive(port = 0): Promise<Receiver> {
  const receiver = await Receiver.listen(port);
  receivers.push(receiver);
  return receiver;
}

async function askFor(address: string, webhook_url: string, headers: Record<string, string> = {}): Promise<Response> {
  const body = { class: 0, num_images: 2, webhook_url };
  return generate(address, body, { ...alice.headers, prefer: "respond-async", ...headers });
}

async function idOf(answer: Response): Promise<string> {
  expect(answer.status, await answer.clone().text()).toBe(202);
  return ((await answer.json()) as { id: string }).id;
}

describe("a job's webhook", () => {
  it("is told the job as GET shows it, signed with its key's own secret", async () => {
    const { api, worker } = deploy(SETTINGS);
    const [{ address, marimba }] = await Promise.all([api(), worker()]);
    const receiver = await receive();
    const id = await idOf(await askFor(address, `http://127.0.0.1:${receiver.port}/hook?token=t0ken`));
    await expect.poll(() => receiver.received.length, soon).toBe(1);
    const event = verified(receiver.received[0]!, SECRET);
    const job = (await (await fetch(`${address}/jobs/${id}`, { headers: alice.headers })).json()) as Job;
    expect(event).toMatchObject({ type: "job.completed", data: job });
    expect(receiver.received[0]!.path).toBe("/hook?token=t0ken");
    expect(JSON.stringify(job) + marimba.stderr).not.toContain("t0ken");
  });

  it("is told though the process that accepted it is killed, and its receiver was away", async () => {
    const { api, worker } = deploy(SETTINGS);
    const [first] = await Promise.all([api(), worker()]);
    const port = await freePort();
    const id = await idOf(await askFor(first.address, `http://127.0.0.1:${port}/`));
    await expect.poll(() => first.marimba.stderr, soon).toContain("trying again later");
    first.marimba.kill("SIGKILL");
    await first.marimba.ended;
    const receiver = await receive(port);
    await api();
    await expect.poll(() => receiver.received.length, soon).toBeGreaterThan(0);
    expect(verified(receiver.received[0]!, SECRET)).toMatchObject({ type: "job.completed", data: { id } });
  });

  it("is told though no API process lives when the job ends", async () => {
    const { api, worker, queue } = deploy(SETTINGS);
    const [first, firstWorker] = await Promise.all([api(), worker()]);
    expect((await queue("pause")).code).toBe(0);
    const receiver = await receive();
    const id = await idOf(await askFor(first.address, `http://127.0.0.1:${receiver.port}/`));
    for (const one of [first.marimba, firstWorker]) one.kill("SIGKILL");
    await Promise.all([first.marimba.ended, firstWorker.ended]);
    const later = await worker();
    expect((await queue("resume")).code).toBe(0);
    const idle = /"waiting": 0,\s+"running": 0/;
    await expect.poll(async () => (await queue("status", "--json")).stdout, soon).toMatch(idle);
    later.kill("SIGKILL");
    await api();
    await expect.poll(() => receiver.received.length, soon).toBe(1);
    expect(verified(receiver.received[0]!, SECRET)).toMatchObject({ data: { id, state: "completed" } });
  });

  it("is refused with its field where its address or its key won't do", async () => {
    const { api, worker } = deploy(SETTINGS);
    const [{ address }] = await Promise.all([api(), worker()]);
    const bob = exampleKey("bob");
    for (const [url, message] of [
      ["http://example.com/", "must be an https address"],
      ["https://169.254.169.254/latest/meta-data/", "must be on the public internet"],
      ["https://a:b@example.com/", "must not contain a user name or password"],
      ["/hook", "must be an absolute https address"],
    ]) {
      const answer = await askFor(address, url!);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ errors: [{ pointer: "/webhook_url", message }] });
    }
    const { api: other } = deploy({ ...SETTINGS, API_KEYS: bob.line });
    const keyless = await askFor((await other()).address, "https://example.com/", bob.headers);
    expect(await keyless.json()).toMatchObject({
      errors: [{ message: "needs a secret to sign with: this API key has none (webhook_secret in the key file)" }],
    });
  });

  it("over TLS is told by its name to the address that was checked, directly or through a proxy, and to no other certificate", async () => {
    const folder = mkdtempSync(join(tmpdir(), "marimba-webhook-tls-"));
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    const certificate = (name: string) => {
      const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
      const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`, "-days", "2", "-nodes"];
      const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", ...subject];
      execFileSync("openssl", [...made, "-keyout", key, "-out", cert], { stdio: "ignore" });
      return { key: readFileSync(key), cert: readFileSync(cert), path: cert };
    };
    const right = certificate("localhost");
    const names: unknown[] = [];
    const serve = async (credentials: { key: Buffer; cert: Buffer }) => {
      const server = createServer(credentials, (request, response) => {
        names.push([(request.socket as TLSSocket).servername, request.headers.host]);
        response.writeHead(200).end();
      }).listen(0, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
      return { server, port: (server.address() as { port: number }).port };
    };
    const [good, bad] = [await serve(right), await serve(certificate("other.example"))];
    const asked: string[] = [];
    const proxy = createHttpServer().on("connect", ({ url = "" }, socket) => {
      asked.push(url);
      const [, host, port] = /^(.*):(\d+)$/.exec(url)!;
      const onward = connect(Number(port), host!.replace(/^\[|\]$/g, ""), () => {
        socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
        socket.pipe(onward).pipe(socket);
      });
      onward.on("error", () => socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
      socket.on("error", () => onward.destroy());
    });
    await new Promise<void>((resolve) => void proxy.listen(0, "127.0.0.1", resolve));
    const trusting = { ...SETTINGS, NODE_EXTRA_CA_CERTS: right.path, WEBHOOK_ATTEMPTS: "1" };
    const proxied = { HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` };
    for (const settings of [trusting, { ...trusting, ...proxied }]) {
      names.length = 0;
      const { api, worker } = deploy(settings);
      const [{ address, marimba }] = await Promise.all([api(), worker()]);
      await idOf(await askFor(address, `https://localhost:${bad.port}/`));
      await expect.poll(() => marimba.stderr, soon).toContain("The receiver's certificate is not valid");
      await idOf(await askFor(address, `https://localhost:${good.port}/`));
      await expect.poll(() => names, soon).toEqual([["localhost", `localhost:${good.port}`]]);
    }
    // Asked for checked addresses, never for a name.
    expect(asked).toContain(`127.0.0.1:${good.port}`);
    expect(asked.join()).not.toContain("localhost");
    for (const server of [good.server, bad.server, proxy]) server.close();
  });
});
