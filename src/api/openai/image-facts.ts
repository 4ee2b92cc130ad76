import { Problem } from "../../errors.js";
import type { JobRecord } from "../../job.js";
import type { Manifest } from "../../model/manifest.js";
import type { ModelRegistry } from "../../model/registry.js";
import type { JobQueue } from "../../queue/queue.js";
import type { Translation } from "./image-request.js";
import type { OpenAiCompletedImage, OpenAiPartialImage } from "./schemas.js";

type Answer = Pick<Translation, "quality" | "adjusted">;

/** The fields of a partial image, which is a PNG in the model's own size. */
export function partialFacts(
  { spec }: JobRecord,
  { quality }: Answer,
  models: ModelRegistry,
): Pick<OpenAiPartialImage, "background" | "output_format" | "quality" | "size"> {
  return {
    background: "opaque",
    output_format: "png",
    quality,
    size: generatedSize(models.get(spec.model)!),
  };
}

/** The fields of `count` finished images, and their tokens. A prompt that names a class has no tokens. */
export function imageFacts(
  record: JobRecord,
  answer: Answer,
  count: number,
  models: ModelRegistry,
): Omit<OpenAiCompletedImage, "type" | "b64_json" | "image_index" | "created_at"> {
  const { model, output_size: scaled, output_format, preset, edit } = record.spec;
  const manifest = models.get(model)!;
  const { token_count } = manifest.architecture.generator;
  const [input, output] = [edit ? token_count : 0, token_count * count];
  return {
    ...partialFacts(record, answer, models),
    output_format,
    ...(preset !== undefined && { preset }),
    ...(scaled && { size: `${scaled.width}x${scaled.height}`, generated_size: generatedSize(manifest) }),
    ...(answer.adjusted.length > 0 && { adjusted: [...answer.adjusted] }),
    usage: {
      input_tokens: input,
      output_tokens: output,
      total_tokens: input + output,
      input_tokens_details: { image_tokens: input, text_tokens: 0 },
      output_tokens_details: { image_tokens: output, text_tokens: 0 },
    },
  };
}

/** In pixels, as OpenAI's API writes it. */
function generatedSize({ architecture: { tokenizer } }: Manifest): string {
  return `${tokenizer.image_width}x${tokenizer.image_height}`;
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
