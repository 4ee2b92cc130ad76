import { timingSafeEqual } from "node:crypto";
import type { JobSpec } from "../../job.js";
import type { ApiDeps } from "../deps.js";
import { imagePath } from "./job-resource.js";

/**
 * An image's address that opens without a key, for clients that fetch it as they would fetch OpenAI's. On a server with
 * keys it is signed, for this image only, and stops working with the image or with the key that asked for it.
 */
export function imageLink(spec: JobSpec, index: number, deps: Pick<ApiDeps, "keys" | "config" | "models">): string {
  const signature = signatureOf(spec, index, deps.keys);
  // Clients that keep the image take its file name from the address.
  return `${imagePath(spec.id, index, deps)}/image.${spec.output_format}${signature === undefined ? "" : `?signature=${signature}`}`;
}

/** Whether a link with this signature opens the image. */
export function isSigned(spec: JobSpec, index: number, signature: string, keys: ApiDeps["keys"]): boolean {
  const given = Buffer.from(signature);
  const right = Buffer.from(signatureOf(spec, index, keys) ?? "");
  return right.length > 0 && given.length === right.length && timingSafeEqual(given, right);
}

function signatureOf({ id, caller }: JobSpec, index: number, keys: ApiDeps["keys"]): string | undefined {
  return caller === undefined ? undefined : keys?.sign(caller, `${id}/${index}`);
}
