import { randomUUID } from "node:crypto";
import { JOB_VERSION, type JobSpec, type NewJob, type StoredImage } from "../../src/job.js";
import type { Edit } from "../../src/model/edit.js";

export function exampleJob(fields: Partial<NewJob> = {}): NewJob {
  return {
    version: JOB_VERSION,
    id: randomUUID(),
    model: "demo",
    parameters: {
      class: 0,
      steps: 8,
      guidance_scale: 2,
      guidance_schedule: "linear",
      temperature: 1,
      diffusion_steps: 25,
      max_timestep: 950,
      order: "random",
    },
    seed: 7,
    num_images: 1,
    output_format: "png",
    priority: "normal",
    ...fields,
  };
}

/** How an example job edits a canvas of the model's size. */
export const EXAMPLE_EDIT: Edit = { window: { left: 0, top: 0 }, mask_grow: 1, feather: 0, strength: 1 };

/** The job as a queue has accepted it. */
export function exampleSpec(fields: Partial<JobSpec> = {}): JobSpec {
  return { ...exampleJob(), accepted_at: Date.now(), ...fields };
}

export function exampleImage(bytes: Uint8Array): StoredImage {
  const timing = {
    queue_ms: 1,
    batch_wait_ms: 2,
    transformer_ms: 3,
    diffusion_ms: 4,
    decode_ms: 5,
    encode_ms: 6,
    total_ms: 21,
    batch_size: 1,
    ms_per_image: 12,
  };
  return { bytes, contentType: "image/png", width: 2, height: 3, timing };
}

/** A task's image as its own: byte 0 is the job's seed, byte 1 the image's index. */
export function exampleImageOf(
  { spec, imageIndex }: { spec: Pick<NewJob, "seed" | "output_format">; imageIndex: number },
  sizeBytes = 2,
): StoredImage {
  const bytes = new Uint8Array(sizeBytes);
  bytes.set([spec.seed, imageIndex]);
  return { ...exampleImage(bytes), contentType: `image/${spec.output_format}` };
}
