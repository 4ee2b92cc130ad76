import { chmodSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Ground, HANGING_MS } from "../../chaos/ground.js";
import { exampleBody, type Order, order, settle } from "../../chaos/orders.js";
import { Undisturbed } from "../../chaos/undisturbed.js";
import { generate } from "../../commands/marimba.js";
import { eventually } from "../../eventually.js";
import { BASE_IMAGE, buildImages, IMAGE, importByPreviousRelease, PREVIOUS_IMAGE } from "./images.js";
import { Podman } from "./podman.js";
import { LOCK_MS, Stack } from "./stack.js";

/** Long ones, which are still under way when something is killed. */
const BODIES = Array.from({ length: 24 }, (_, index) => ({ ...exampleBody(index), diffusion_steps: 1000 }));
const BUILD_MS = 3_600_000;
const MIB = 2 ** 20;

const podman = new Podman(join(tmpdir(), "marimba-containers"));
let ground: Ground;
let undisturbed: Undisturbed;
let stack: Stack;

beforeAll(async () => {
  await buildImages(podman);
  ground = await Ground.open((folder) => importByPreviousRelease(podman, folder));
  // The image's user reads the models.
  chmodSync(ground.folder, 0o755);
  undisturbed = await Undisturbed.open(ground);
  for (const body of BODIES) await undisturbed.images(body);
  stack = await Stack.create(podman, join(ground.folder, "models"));
  await stack.up();
}, BUILD_MS);
afterAll(async () => {
  await stack?.remove();
  await ground?.close();
}, HANGING_MS);

/** The number of workers that take images. */
async function workers(): Promise<number> {
  const { models } = (await (await fetch(`${stack.address}/admin/queue`)).json()) as {
    models: { workers: unknown[] }[];
  };
  return models[0]?.workers.length ?? 0;
}

async function expectNothingLost(orders: readonly Order[]): Promise<void> {
  await undisturbed.expectAll(orders, await settle(stack.address, orders));
}

const orderAll = () => Promise.all(BODIES.map((body) => order(stack.address, body)));

async function states(orders: readonly Order[]): Promise<string[]> {
  const answers = await Promise.all(orders.map(({ id }) => fetch(`${stack.address}/jobs/${id}`)));
  return Promise.all(answers.map(async (answer) => ((await answer.json()) as { state: string }).state));
}

/** Jobs of which some are under way, and others wait. */
async function underWay(): Promise<Order[]> {
  const orders = await orderAll();
  await eventually(async () => expect(await states(orders)).toEqual(expect.arrayContaining(["queued", "running"])));
  return orders;
}

/** What `podman inspect` answers about the service's first container. */
const inspect = (service: string, format: string) =>
  podman.run("inspect", "--format", format, stack.container(service));

const inside = (service: string, ...command: string[]) => podman.run("exec", stack.container(service), ...command);

describe("docker-compose.yml, in containers", { timeout: HANGING_MS }, () => {
  it("first start: a key, healthy services, and the image of `marimba sample`", async () => {
    expect((await fetch(`${stack.published}/models`)).status).toBe(401);
    expect(await stack.firstKey()).toMatch(/^mrb_[0-9a-f]{12}_[0-9a-f]{48}$/);
    for (const service of ["api", "worker", "redis"]) await podman.run("healthcheck", "run", stack.container(service));

    const file = join(ground.folder, "sample.png");
    const sample = ground.start("sample", ["--class", "1", "--seed", "7", "--out", file]);
    expect(await sample.ended).toMatchObject({ code: 0 });
    const answer = await generate(stack.address, { class: 1, seed: 7 });
    expect(Buffer.from(await answer.arrayBuffer()).equals(readFileSync(file))).toBe(true);
    await expectNothingLost(await orderAll());
  });

  it("runs as a user that can write nothing, within its memory", async () => {
    const format = "{{.HostConfig.ReadonlyRootfs}} {{.Config.User}} {{.HostConfig.Memory}}";
    expect(await inspect("worker", format)).toBe(`true 10001:10001 ${4096 * MIB}`);
    expect(await inspect("api", format)).toBe(`true 10001:10001 ${1024 * MIB}`);
    expect(await inspect("redis", format)).toBe(`true 999:999 ${1024 * MIB}`);
    expect(await inside("worker", "id", "-u")).toBe("10001");
    await expect(inside("worker", "touch", "/app/models/x")).rejects.toThrow("Read-only file system");
    expect(await inside("worker", "node", "-p", "process.constrainedMemory() / 2 ** 20")).toBe("4096");
    const fill = "const kept = []; for (;;) kept.push(Buffer.alloc(1e7, 1))";
    const limited = podman.run("run", "--rm", "--memory", "128m", "--entrypoint", "node", IMAGE, "-e", fill);
    await expect(limited).rejects.toMatchObject({ code: 137 });
  });

  it("has an image of less than 450 MB above its base", async () => {
    const size = async (image: string) => Number(await podman.run("image", "inspect", "--format", "{{.Size}}", image));
    const bytes = (await size(IMAGE)) - (await size(BASE_IMAGE));
    expect(bytes).toBeLessThan(450e6);
  });

  it("three workers share the work", async () => {
    await stack.up("--scale", "worker=3");
    await eventually(async () => expect(await workers()).toBe(3), HANGING_MS);
    await expectNothingLost(await orderAll());
  });

  it.each(["worker", "api", "redis"])("the %s is killed in the middle of work", async (service) => {
    const orders = await underWay();
    // Redis has written what it has answered, but for the time of one write.
    if (service === "redis") await eventually(redisHasWritten);
    await stack.kill(service);
    await expectNothingLost(orders);
  });

  const redisHasWritten = async () =>
    expect(await inside("redis", "redis-cli", "INFO", "persistence")).toContain("aof_buffer_length:0");

  it("a worker is cut off from Redis for longer than its lock", async () => {
    await eventually(async () => expect(await workers()).toBe(3), HANGING_MS);
    const orders = await underWay();
    await stack.cutOff(stack.container("worker"), () => sleep(2 * LOCK_MS));
    await expectNothingLost(orders);
    await eventually(async () => expect(await workers()).toBe(3), HANGING_MS);
  });

  it("`down` and `up` with the volume kept, while jobs wait", async () => {
    const orders = await underWay();
    await stack.down();
    await stack.up();
    await expectNothingLost(orders);
  });

  it("workers, then API, are upgraded from the previous release, while jobs wait", async () => {
    const current = await podman.run("image", "inspect", "--format", "{{.Id}}", IMAGE);
    await stack.down("--volumes");
    await podman.run("tag", PREVIOUS_IMAGE, IMAGE);
    await stack.up();
    const orders = await underWay();
    await stack.compose("stop", "worker");
    expect(await states(orders)).toContain("queued");
    await podman.run("tag", current, IMAGE);
    for (const service of ["worker", "api"]) await stack.recreate(service);
    for (const service of ["worker", "api"]) expect(await inspect(service, "{{.Image}}")).toBe(current);
    await expectNothingLost(orders);
  });
});
