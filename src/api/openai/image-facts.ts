import { Problem } from "../../errors.js";
import type { JobRecord } from "../../job.js";
import type { ModelRegistry } from "../../model/registry.js";
import type { JobQueue } from "../../queue/queue.js";
import { sizeOf } from "./image-request.js";
import type { OpenAiCompletedImage, OpenAiPartialImage } from "./schemas.js";

/** The fields of any image of a job, finished or not. */
export function imageLooks(
  { spec }: JobRecord,
  models: ModelRegistry,
): Pick<OpenAiPartialImage, "background" | "output_format" | "quality" | "size"> {
  const size = sizeOf(models.get(spec.model)!);
  return { background: "opaque", output_format: spec.output_format, quality: "auto", size };
}

/** The same for finished images. Every token of an image was generated; a prompt that names a class has no tokens. */
export function imageFacts(
  record: JobRecord,
  models: ModelRegistry,
): Omit<OpenAiCompletedImage, "type" | "b64_json" | "created_at"> {
  const { model, num_images } = record.spec;
  const tokens = models.get(model)!.architecture.generator.token_count * num_images;
  const input_tokens_details = { image_tokens: 0, text_tokens: 0 };
  const usage = { input_tokens: 0, output_tokens: tokens, total_tokens: tokens, input_tokens_details };
  return { ...imageLooks(record, models), usage };
}

/** Throws `job_expired` if the image was deleted already. */
export async function imageBase64({ spec }: JobRecord, index: number, queue: JobQueue): Promise<string> {
  const image = await queue.image(spec.id, index);
  if (!image) throw new Problem("job_expired", "The image was finished but has already been deleted to free memory.");
  return base64(image.bytes);
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** Seconds. */
export function unixTime(epochMs = Date.now()): number {
  return Math.floor(epochMs / 1000);
}
