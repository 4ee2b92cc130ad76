import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { expect, it, onTestFinished } from "vitest";
import { swiftShader } from "../swiftshader.js";
import { generate, importTinyModel, Marimba } from "./marimba.js";

it("generates images, also of two models at once, with a driver that computes on the CPU", async () => {
  const folder = await mkdtemp(join(tmpdir(), "marimba-gpu-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const name of ["one", "two"]) await importTinyModel(folder, name);
  const settings = {
    MODELS_DIR: folder,
    PROVIDER: "webgpu",
    MAX_BATCH: "1",
    SYNC_TIMEOUT_S: "600",
    ...swiftShader(),
  };
  const server = new Marimba(["serve"], settings);
  onTestFinished(() => server.kill("SIGTERM"));
  await server.prints(/^Ready\./m);
  const address = await server.address();
  const body = { class: "star", seed: 7, steps: 2, diffusion_steps: 3 };
  const responses = await Promise.all(["one", "two"].map((model) => generate(address, { ...body, model })));
  for (const response of responses)
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "image/png"]);
  const [one, two] = await Promise.all(
    responses.map(async (response) =>
      sharp(await response.arrayBuffer())
        .raw()
        .toBuffer(),
    ),
  );
  expect(one!.equals(two!)).toBe(true);
  server.kill("SIGTERM");
  expect(await server.ended).toMatchObject({ code: 0 });
}, 1_800_000);
