import { chmodSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Ground, HANGING_MS } from "../../chaos/ground.js";
import { exampleBody, type Order, order, settle } from "../../chaos/orders.js";
import { Undisturbed } from "../../chaos/undisturbed.js";
import { eventually } from "../../eventually.js";
import {
  BUILD_MS,
  buildImages,
  buildPreviousRelease,
  IMAGE,
  importByPreviousRelease,
  PREVIOUS_IMAGE,
} from "./images.js";
import { Podman } from "./podman.js";
import { LOCK_MS, Stack } from "./stack.js";

/** Long ones, which are still under way when something is killed. */
const BODIES = Array.from({ length: 24 }, (_, index) => ({ ...exampleBody(index), diffusion_steps: 1000 }));

const podman = new Podman();
let ground: Ground;
let undisturbed: Undisturbed;
let stack: Stack;

beforeAll(async () => {
  await buildImages(podman);
  await buildPreviousRelease(podman);
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

describe("docker-compose.yml, in containers that are killed, cut off and upgraded", { timeout: HANGING_MS }, () => {
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
    expect(await stack.inside("redis", "redis-cli", "INFO", "persistence")).toContain("aof_buffer_length:0");

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
    for (const service of ["worker", "api"])
      expect(await podman.inspect(stack.container(service), "{{.Image}}")).toBe(current);
    await expectNothingLost(orders);
  });
});
