import { createHash } from "node:crypto";
import type { JobRecord, StoredImage } from "../../job.js";

/** Headers that belong to an image's bytes wherever they are answered with. */
export function imageHeaders(image: StoredImage, { spec }: JobRecord): Record<string, string> {
  return {
    "Content-Type": image.contentType,
    "Content-Length": String(image.bytes.byteLength),
    ETag: `"${createHash("sha256").update(image.bytes).digest("base64url")}"`,
    "Marimba-Job": spec.id,
    "Marimba-Seed": String(spec.seed),
  };
}
