import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { describeConfig, loadConfig } from "../../src/config.js";
import { composeVariables, readCompose } from "./compose-file.js";
import { composeFaults } from "./schema.js";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const BASE = "docker-compose.yml";
const GPU = "docker-compose.gpu.yml";
const faults = composeFaults();
const alone = readCompose([BASE]);
const withGpu = readCompose([BASE, GPU]);
const settings = describeConfig().map(({ variable }) => variable);

/** Our own services, by name. */
const ours = ["api", "worker"].map((name) => [name, alone.services[name]!] as const);

const seconds = (duration: unknown) => Number(/^(\d+)s$/.exec(String(duration))![1]);

describe("the compose files", () => {
  it("follow the Compose specification, each alone and both together", () => {
    expect(faults(alone)).toEqual([]);
    expect(faults(readCompose([GPU]))).toEqual([]);
    expect(faults(withGpu)).toEqual([]);
  });

  it("would be refused with a key that the specification doesn't know", () => {
    const { worker } = alone.services;
    expect(faults({ ...alone, services: { worker: { ...worker, replicas: 2 } } })).not.toEqual([]);
    expect(faults({ ...alone, services: { worker: { ...worker, read_only: { a: 1 } } } })).not.toEqual([]);
  });

  it.each(ours)("set nothing for the %s that the configuration doesn't know or takes", (_, { environment }) => {
    for (const variable of Object.keys(environment)) expect(settings).toContain(variable);
    expect(loadConfig(environment)).toMatchObject({ host: "0.0.0.0", redisUrl: "redis://:marimba@redis:6379" });
  });

  it("read only variables that are settings or documented", () => {
    const documented = readFileSync(join(PROJECT, "docs/deployment.md"), "utf8");
    for (const variable of [...composeVariables(BASE), ...composeVariables(GPU)])
      expect(settings.includes(variable) || documented.includes(`\`${variable}\``), variable).toBe(true);
  });

  it("take a password and an address from the environment", () => {
    const variables = { REDIS_PASSWORD: "s3cret", PUBLISH: "0.0.0.0:80" };
    const { redis, api, worker } = readCompose([BASE], variables).services;
    for (const { environment } of [api!, worker!]) expect(environment.REDIS_URL).toBe("redis://:s3cret@redis:6379");
    expect(redis!.command).toContain("s3cret");
    expect(api!.ports).toEqual(["0.0.0.0:80:8080"]);
  });

  it("publish one port, on this machine alone", () => {
    const published = Object.values(alone.services).flatMap(({ ports }) => ports ?? []);
    expect(published).toEqual([expect.stringMatching(/^127\.0\.0\.1:/)]);
    expect(published[0]).toMatch(new RegExp(`:${alone.services.api!.environment.PORT}$`));
    expect(alone.networks.inside).toEqual({ internal: true });
    for (const name of ["redis", "worker"]) expect(alone.services[name]!.networks).toEqual(["inside"]);
  });

  it("make a key before the API starts, which reads it and can't change it", () => {
    const { api, key } = alone.services;
    const file = api!.environment.API_KEYS_FILE!;
    expect(key!.command).toEqual(expect.arrayContaining(["--file", file, "--once"]));
    expect(key).toMatchObject({ network_mode: "none", volumes: [`keys:${dirname(file)}`] });
    expect(api!.volumes).toContainEqual({ type: "volume", source: "keys", target: dirname(file), read_only: true });
    expect(api!.depends_on).toMatchObject({ key: { condition: "service_completed_successfully" } });
    expect(alone.services.worker!.environment).not.toHaveProperty("API_KEYS_FILE");
  });

  it("say where the key is, as the documents do", () => {
    const { command } = alone.services.key!;
    const place = `docker compose exec api cat ${command[command.indexOf("--write-key") + 1]}`;
    for (const file of [BASE, "README.md", "docs/deployment.md"])
      expect(readFileSync(join(PROJECT, file), "utf8"), file).toContain(place);
  });

  it("let workers be scaled", () => {
    for (const { services } of [alone, withGpu]) {
      expect(services.worker).not.toHaveProperty("container_name");
      expect(services.worker).not.toHaveProperty("ports");
    }
  });

  it.each(Object.entries(withGpu.services))("confine the %s", (_, service) => {
    // What makes the first key runs once.
    const restart = service.command[0] === "key" ? "no" : "unless-stopped";
    expect(service).toMatchObject({ read_only: true, restart, cap_drop: ["ALL"] });
    expect(service.security_opt).toContain("no-new-privileges:true");
    expect(service).toHaveProperty("deploy.resources.limits.memory");
    for (const volume of service.volumes) if (typeof volume !== "string") expect(volume.read_only).toBe(true);
  });

  it.each(ours)("wait longer for the %s than it takes to shut down", (_, service) => {
    expect(seconds(service.stop_grace_period)).toBeGreaterThan(loadConfig({}).shutdownGraceS + 10);
    expect(service.depends_on).toMatchObject({ redis: { condition: "service_healthy" } });
  });

  it("have no longer patience than the documented docker run", () => {
    const page = readFileSync(join(PROJECT, "docs/deployment.md"), "utf8");
    const [, stopS] = /^docker run .*--stop-timeout (\d+) /m.exec(page)!;
    expect(Number(stopS)).toBeGreaterThan(loadConfig({}).shutdownGraceS + 10);
  });

  it.each(ours)("give the %s a folder of models that a checkout has", (_, { volumes }) => {
    const [{ source }] = volumes as [{ source: string }];
    expect(existsSync(join(PROJECT, source, "demo", "model.json"))).toBe(true);
  });

  it("build the image for GPUs as the Dockerfile's first lines do, for workers only", () => {
    const dockerfile = readFileSync(join(PROJECT, "Dockerfile"), "utf8");
    const { worker, "worker-1": second, api, key } = withGpu.services;
    for (const { image, build } of [worker!, second!]) {
      expect(image).toBe("marimba:cuda");
      const args = Object.entries(build!.args!).map(([name, value]) => `--build-arg ${name}=${value}`);
      expect(dockerfile).toContain(`# docker build -t ${image} ${args.join(" ")} .\n`);
    }
    for (const service of [api!, key!, ...Object.values(alone.services).filter(({ build }) => build)])
      expect(service).toMatchObject({ image: "marimba:cpu", build: { context: "." } });
  });

  it("give each worker a GPU of its own", () => {
    const devices = ["worker", "worker-1"].map((name) => withGpu.services[name]!.deploy);
    const device = (id: string) => ({ driver: "nvidia", device_ids: [id], capabilities: ["gpu"] });
    for (const [index, deploy] of devices.entries())
      expect(deploy).toHaveProperty("resources.reservations.devices", [device(String(index))]);
    expect(withGpu.services["worker-1"]!.environment).toEqual(alone.services.worker!.environment);
  });
});
