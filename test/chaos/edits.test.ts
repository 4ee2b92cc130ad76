import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { painted } from "../editing/example-images.js";
import { Ground, HANGING_MS, killHard } from "./ground.js";
import { type Order, settle, untilUnderWay } from "./orders.js";

describe("an edit whose worker is killed", { timeout: HANGING_MS }, () => {
  let ground: Ground;
  beforeAll(async () => {
    ground = await Ground.open();
  });
  afterAll(() => ground?.close());

  it("is made by the next worker, from the same image and to the same bytes, and leaves nothing behind", async () => {
    const [{ address }, worker] = await Promise.all([ground.api(), ground.worker()]);
    const { models } = (await (await fetch(`${address}/models`)).json()) as {
      models: [{ image_width: number; image_height: number }];
    };
    const [{ image_width: width, image_height: height }] = models;
    const paint = (x: number, y: number) => [(x * 5) % 256, (y * 9) % 256, 90, x < width / 2 ? 0 : 255];
    const image = (await painted({ width, height, paint }).png().toBuffer()).toString("base64");
    const body = { image, class: 3, seed: 5, steps: 16, diffusion_steps: 1000, num_images: 2 };
    const edit = async (): Promise<Order> => {
      const answer = await fetch(`${address}/edits`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      expect(answer.status).toBe(202);
      return { body, id: ((await answer.json()) as { id: string }).id };
    };
    const disturbed = await edit();
    await untilUnderWay(address, [disturbed]);
    await killHard(worker);
    await ground.worker();
    const [outcome] = await settle(address, [disturbed]);
    expect(outcome).toMatchObject({ state: "completed" });
    const [undisturbed] = await settle(address, [await edit()]);
    expect(outcome!.images).toEqual(undisturbed!.images);
    expect(new Set(outcome!.images).size).toBe(2);
    const redis = new Redis(ground.redis.url);
    expect(await redis.keys("*::canvas:*")).toEqual([]);
    redis.disconnect();
  });
});
