import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../free-port.js";
import { readCompose } from "./compose-file.js";
import { RedisService } from "./compose-processes.js";
import { parseStages, type Step } from "./dockerfile.js";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const { services } = readCompose(["docker-compose.yml"], { REDIS_PASSWORD: "s3cret" });
/** As the reader of the documents finds it. */
const firstKey = () => readFileSync(join(keysFolder, "first-key"), "utf8").trim();
const imageSteps = parseStages(readFileSync(join(PROJECT, "Dockerfile"), "utf8")).at(-1)!.steps;
const imageStep = (keyword: string): Step => imageSteps.find((step) => step.keyword === keyword)!;

/** One service's command and environment, with this machine's addresses and folders for a container's. */
class ServiceProcess {
  readonly process: ChildProcess;
  readonly closed: Promise<unknown[]>;
  readonly #environment: Readonly<Record<string, string>>;
  output = "";
  #hasEnded = false;

  constructor(name: "api" | "worker" | "key", own: Readonly<Record<string, string>>) {
    const { command, environment = {} } = services[name]!;
    const stated = Object.entries(environment).map(([variable, value]) => [variable, inPlace(value)]);
    const ours = { ...Object.fromEntries(stated), THREADS: "1", ...(name === "key" ? {} : { HOST: "127.0.0.1" }) };
    this.#environment = { PATH: process.env.PATH!, ...ours, ...own };
    this.process = this.#run([...JSON.parse(imageStep("ENTRYPOINT").text), ...command]);
    this.closed = once(this.process, "close");
    void this.closed.then(() => {
      this.#hasEnded = true;
    });
    for (const stream of [this.process.stdout!, this.process.stderr!])
      stream.on("data", (text) => (this.output += text));
  }

  #run([program, ...args]: readonly string[]): ChildProcess {
    return spawn(program!, args.map(inPlace), { env: this.#environment, stdio: ["ignore", "pipe", "pipe"] });
  }

  async prints(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.output)) {
      if (this.#hasEnded) throw new Error(`It ended:\n${this.output}`);
      await Promise.race([once(this.process.stdout!, "data"), this.closed]);
    }
  }

  /** Asks as the image's health check does. */
  async isHealthy(): Promise<boolean> {
    const [code] = await once(this.#run(JSON.parse(imageStep("HEALTHCHECK").text.replace(/^CMD\s+/, ""))), "close");
    return code === 0;
  }
}

/** A container's path on this machine: the volume of keys is a folder of the test, the rest is the project. */
const keysFolder = mkdtempSync(join(tmpdir(), "marimba-compose-keys-"));
function inPlace(word: string): string {
  return word.replace(/^\/app\/keys\b/, keysFolder).replace(/^\/app\//, PROJECT);
}

describe("the compose file's services as plain processes", () => {
  let redis: RedisService;
  let api: ServiceProcess;
  const workers: ServiceProcess[] = [];
  let address: string;

  beforeAll(async () => {
    redis = await RedisService.start(services.redis!);
    const REDIS_URL = services.api!.environment.REDIS_URL!.replace("@redis:6379", `@127.0.0.1:${redis.port}`);
    for (let i = 0; i < 2; i++)
      workers.push(new ServiceProcess("worker", { REDIS_URL, WORKER_PORT: `${await freePort()}` }));
    const PORT = String(await freePort());
    address = `http://127.0.0.1:${PORT}`;
    const key = new ServiceProcess("key", {});
    expect((await key.closed)[0], key.output).toBe(0);
    api = new ServiceProcess("api", { REDIS_URL, PORT });
    await Promise.all([api.prints(/listens on/), ...workers.map((worker) => worker.prints(/^Ready/m))]);
  });
  afterAll(async () => {
    for (const service of [api, ...workers]) {
      service?.process.kill("SIGKILL");
      await service?.closed;
    }
    await redis?.stop();
    await rm(keysFolder, { recursive: true });
  });

  it("are healthy", async () => {
    await redis.checkHealth();
    for (const service of [api, ...workers]) expect(await service.isHealthy(), service.output).toBe(true);
  });

  const generate = (headers: Record<string, string> = {}) =>
    fetch(`${address}/generate`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "image/png", ...headers },
      body: JSON.stringify({ class: 0, steps: 2, seed: 1 }),
    });

  it("ask for the key that the first start made", async () => {
    expect((await generate()).status).toBe(401);
  });

  it("make one key, however often they start, and show it to nobody but its owner", async () => {
    const before = readFileSync(join(keysFolder, "api-keys"), "utf8");
    const again = new ServiceProcess("key", {});
    expect((await again.closed)[0]).toBe(0);
    expect(again.output).toContain("already exists");
    expect(readFileSync(join(keysFolder, "api-keys"), "utf8")).toBe(before);
    for (const file of ["api-keys", "first-key"]) expect(statSync(join(keysFolder, file)).mode & 0o777).toBe(0o600);
    for (const { output } of [api, ...workers, again]) expect(output).not.toContain(firstKey());
  });

  it("answer an image", async () => {
    const answer = await generate({ authorization: `Bearer ${firstKey()}` });
    expect(answer.headers.get("content-type"), api.output).toBe("image/png");
    expect(answer.status).toBe(200);
  });

  it("end on the image's stop signal within their time", async () => {
    for (const service of [api, ...workers]) {
      service.process.kill(imageStep("STOPSIGNAL").text as NodeJS.Signals);
      expect((await service.closed)[0], service.output).toBe(0);
    }
  });
});
