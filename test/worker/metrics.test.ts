import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { WorkerMetrics } from "../../src/worker/metrics.js";
import { exampleManifest } from "../model/example-manifest.js";
import { exampleImage } from "../queue/example-job.js";
import { TestEngine } from "./test-engine.js";

const timing = {
  queue_ms: 1000,
  batch_wait_ms: 100,
  transformer_ms: 2000,
  diffusion_ms: 3000,
  decode_ms: 400,
  encode_ms: 500,
  total_ms: 7000,
  batch_size: 2,
  ms_per_image: 2500,
};

/** A worker with one engine, and a reading of all its metrics by name and labels. */
function exampleWorker() {
  const engine = new TestEngine();
  const registry = new Registry();
  const metrics = new WorkerMetrics(registry, new Map([["demo", engine]]));
  const read = async () => {
    const lines = (await registry.metrics()).split("\n").filter((line) => line && !line.startsWith("#"));
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]),
    );
  };
  return { engine, metrics, read };
}

describe("a worker's metrics", () => {
  it("count images by how they ended", async () => {
    const { engine, metrics, read } = exampleWorker();
    const image = exampleImage(new Uint8Array(20));
    for (const batch_size of [2, 4]) metrics.made("demo", { ...image, timing: { ...timing, batch_size } });
    metrics.failed("demo", "generation_failed");
    metrics.left("demo");
    engine.inFlight = 3;
    expect(await read()).toMatchObject({
      'marimba_images_made_total{model="demo"}': 2,
      'marimba_images_failed_total{model="demo",code="generation_failed"}': 1,
      'marimba_images_left_total{model="demo"}': 1,
      'marimba_results_made_bytes_total{model="demo"}': 40,
      'marimba_images_in_flight{model="demo"}': 3,
      'marimba_images_waiting{model="demo"}': 0,
      'marimba_max_batch{model="demo"}': 100,
      'marimba_image_batch_size_sum{model="demo"}': 6,
      'marimba_image_batch_size_count{model="demo"}': 2,
    });
  });

  it("tell where an image's time went, in seconds", async () => {
    const { metrics, read } = exampleWorker();
    metrics.made("demo", { ...exampleImage(new Uint8Array(2)), timing });
    const sums = await read();
    expect(sums).toMatchObject({
      'marimba_image_queue_wait_seconds_sum{model="demo"}': 1,
      'marimba_image_batch_wait_seconds_sum{model="demo"}': 0.1,
      'marimba_image_part_duration_seconds_sum{model="demo",part="transformer"}': 2,
      'marimba_image_part_duration_seconds_sum{model="demo",part="diffusion"}': 3,
      'marimba_image_part_duration_seconds_sum{model="demo",part="decode"}': 0.4,
      'marimba_image_part_duration_seconds_sum{model="demo",part="encode"}': 0.5,
      'marimba_image_duration_seconds_sum{model="demo"}': 7,
      'marimba_image_engine_share_seconds_sum{model="demo"}': 2.5,
      'marimba_image_duration_seconds_bucket{le="5",model="demo"}': 0,
      'marimba_image_duration_seconds_bucket{le="10",model="demo"}': 1,
    });
  });

  it("tell what a step took, how many images shared it, and how full the batch was", async () => {
    const { metrics, read } = exampleWorker();
    metrics.stepped("demo", { images: 25, transformerMs: 30, diffusionMs: 50 });
    metrics.stepped("demo", { images: 75, transformerMs: 30, diffusionMs: 50 });
    expect(await read()).toMatchObject({
      'marimba_step_part_duration_seconds_sum{model="demo",part="transformer"}': 0.06,
      'marimba_step_part_duration_seconds_sum{model="demo",part="diffusion"}': 0.1,
      'marimba_step_batch_size_sum{model="demo"}': 100,
      'marimba_step_batch_size_bucket{le="32",model="demo"}': 1,
      'marimba_step_batch_fill_ratio_sum{model="demo"}': 1,
      'marimba_step_batch_fill_ratio_count{model="demo"}': 2,
    });
  });

  it("name the models that are loaded, with every counter at 0, and count their engines' restarts", async () => {
    const { metrics, read } = exampleWorker();
    metrics.loaded(exampleManifest());
    expect(await read()).toMatchObject({
      [`marimba_model_info{model="demo",hash="${"a".repeat(64)}",precision="fp32"}`]: 1,
      'marimba_images_made_total{model="demo"}': 0,
      'marimba_engine_restarts_total{model="demo"}': 0,
      'marimba_engine_run_seconds_total{model="demo"}': 0,
    });
    metrics.restarted("demo");
    expect(await read()).toMatchObject({ 'marimba_engine_restarts_total{model="demo"}': 1 });
  });
});
