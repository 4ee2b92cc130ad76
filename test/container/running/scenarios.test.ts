import { chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Ground, HANGING_MS } from "../../chaos/ground.js";
import { type Order, orderMany, settle, untilUnderWay } from "../../chaos/orders.js";
import { Undisturbed } from "../../chaos/undisturbed.js";
import { eventually } from "../../eventually.js";
import { buildImages, IMAGE } from "./images.js";
import { Podman } from "./podman.js";
import { LOCK_MS, Stack } from "./stack.js";

const JOBS = 12;
const BUILD_MS = 3_600_000;

const podman = new Podman(join(tmpdir(), "marimba-containers"));
let ground: Ground;
let undisturbed: Undisturbed;
let stack: Stack;

beforeAll(async () => {
  await buildImages(podman);
  ground = await Ground.open();
  chmodSync(ground.folder, 0o755);
  undisturbed = await Undisturbed.open(ground);
  await undisturbed.prepare(JOBS);
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

/** Jobs of which one is under way. */
async function underWay(): Promise<Order[]> {
  const orders = await orderMany(stack.address, JOBS);
  await untilUnderWay(stack.address, orders);
  return orders;
}

describe("docker-compose.yml, in containers", { timeout: HANGING_MS }, () => {
  it("asks for the key that its first start has made, and makes the images of `marimba serve`", async () => {
    expect((await fetch(`${stack.published}/models`)).status).toBe(401);
    expect(await stack.firstKey()).toMatch(/^mrb_[0-9a-f]{12}_[0-9a-f]{48}$/);
    await expectNothingLost(await orderMany(stack.address, JOBS));
  });

  it("runs as a user that can write nothing, within its memory", async () => {
    const format = "{{.HostConfig.ReadonlyRootfs}} {{.Config.User}} {{.HostConfig.Memory}}";
    const inspect = (service: string) => podman.run("inspect", "--format", format, stack.container(service));
    expect(await inspect("worker")).toBe(`true 10001:10001 ${4 * 2 ** 30}`);
    expect(await inspect("api")).toBe(`true 10001:10001 ${2 ** 30}`);
    expect(await inspect("redis")).toBe(`true 999:999 ${2 ** 30}`);
    const write = podman.run("exec", stack.container("worker"), "touch", "/app/models/x");
    await expect(write).rejects.toThrow("Read-only file system");
  });

  it("has an image of less than 450 MB above its base", async () => {
    const size = async (image: string) => Number(await podman.run("image", "inspect", "--format", "{{.Size}}", image));
    const base = await podman.run("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "docker.io/library/node");
    const bytes = (await size(IMAGE)) - (await size(base));
    console.log(`The image has ${Math.round(bytes / 1e6)} MB above its base.`);
    expect(bytes).toBeLessThan(450e6);
  });

  it("shares the work among three workers", async () => {
    await stack.up("--scale", "worker=3");
    await eventually(async () => expect(await workers()).toBe(3), HANGING_MS);
    await expectNothingLost(await orderMany(stack.address, JOBS));
  });

  it.each(["worker", "api", "redis"])("loses nothing when %s is killed in the middle of work", async (service) => {
    const orders = await underWay();
    await podman.run("kill", "--signal", "KILL", stack.container(service));
    await podman.run("start", stack.container(service));
    await stack.isReady();
    await expectNothingLost(orders);
  });

  it("loses nothing when a worker is cut off from Redis for longer than its lock", async () => {
    const orders = await underWay();
    await stack.cutOff(stack.container("worker"), () => sleep(2 * LOCK_MS));
    await expectNothingLost(orders);
    await eventually(async () => expect(await workers()).toBe(3), HANGING_MS);
  });

  it("goes on with the jobs that waited when it was taken down", async () => {
    const orders = await underWay();
    await stack.compose("down");
    await stack.up();
    await expectNothingLost(orders);
  });
});
