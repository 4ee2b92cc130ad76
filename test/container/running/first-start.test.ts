import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Ground, HANGING_MS } from "../../chaos/ground.js";
import { orderMany, settle } from "../../chaos/orders.js";
import { Undisturbed } from "../../chaos/undisturbed.js";
import { generate } from "../../commands/marimba.js";
import { testPython } from "../../python/environment.js";
import { APP_FILES } from "../dockerfile.js";
import { BASE_IMAGE, BUILD_MS, buildImages, IMAGE } from "./images.js";
import { Podman } from "./podman.js";
import { Stack } from "./stack.js";

const PROJECT = fileURLToPath(new URL("../../..", import.meta.url));
const MIB = 2 ** 20;

const podman = new Podman();
let ground: Ground;
let undisturbed: Undisturbed;
let stack: Stack;

beforeAll(async () => {
  testPython(); // Podman-compose; says at once where it is missing.
  await buildImages(podman);
  ground = await Ground.open();
  // The image's user reads the models.
  chmodSync(ground.folder, 0o755);
  undisturbed = await Undisturbed.open(ground);
  stack = await Stack.create(podman, join(ground.folder, "models"));
  await stack.up();
}, BUILD_MS);
afterAll(async () => {
  await stack?.remove();
  await ground?.close();
}, HANGING_MS);

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
    const orders = await orderMany(stack.address, 6);
    await undisturbed.expectAll(orders, await settle(stack.address, orders));
  });

  it("runs as a user that can write nothing, within its memory", async () => {
    const format = "{{.HostConfig.ReadonlyRootfs}} {{.Config.User}} {{.HostConfig.Memory}}";
    expect(await podman.inspect(stack.container("worker"), format)).toBe(`true 10001:10001 ${4096 * MIB}`);
    expect(await podman.inspect(stack.container("api"), format)).toBe(`true 10001:10001 ${1024 * MIB}`);
    expect(await podman.inspect(stack.container("redis"), format)).toBe(`true 999:999 ${1024 * MIB}`);
    expect(await stack.inside("worker", "id", "-u")).toBe("10001");
    await expect(stack.inside("worker", "touch", "/app/models/x")).rejects.toThrow("Read-only file system");
    expect(await stack.inside("worker", "node", "-p", "process.constrainedMemory() / 2 ** 20")).toBe("4096");
    const fill = "const kept = []; for (;;) kept.push(Buffer.alloc(1e7, 1))";
    const limited = podman.run("run", "--rm", "--memory", "128m", "--entrypoint", "node", IMAGE, "-e", fill);
    await expect(limited).rejects.toMatchObject({ code: 137 });
  });

  it("has an image that holds what runs and nothing else", async () => {
    const list = (folder: string) => stack.inside("worker", "ls", folder).then((names) => names.split("\n"));
    expect(await list("/app")).toEqual([...APP_FILES]);
    const { dependencies } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8"));
    const installed = (await stack.inside("worker", "find", "/app/node_modules", "-maxdepth", "2")).split("\n");
    const isInstalled = (name: string) => installed.includes(`/app/node_modules/${name}`);
    expect(Object.keys(dependencies).filter((name) => !isInstalled(name))).toEqual([]);
    expect(["typescript", "vitest", "@biomejs/biome"].filter(isInstalled)).toEqual([]);
    expect(await list("/app/node_modules/onnxruntime-node/bin/napi-v6/linux")).toEqual(["x64"]);
  });

  it("has an image that refuses to serve others without a key, and says what to do", async () => {
    await expect(podman.run("run", "--rm", "--read-only", IMAGE)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^HOST is 0\.0\.0\.0, .* API_KEYS_FILE .* ALLOW_ANONYMOUS=true .*$/m),
    });
  });

  it("has an image of less than 450 MB above its base", async () => {
    const size = async (image: string) => Number(await podman.run("image", "inspect", "--format", "{{.Size}}", image));
    const bytes = (await size(IMAGE)) - (await size(BASE_IMAGE));
    expect(bytes).toBeLessThan(450e6);
  });
});
