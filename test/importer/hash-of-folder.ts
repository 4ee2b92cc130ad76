import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Manifest } from "../../src/model/manifest.js";

/** The hash that a manifest states for the files in a folder: `sha256sum FILE ... | sha256sum`. */
export function hashOfFolder(folder: string, { weight_files }: Pick<Manifest, "weight_files">): string {
  const files = ["predict.onnx", "denoise.onnx", "decode.onnx", ...weight_files];
  const lines = files.map((file) => `${sha256(readFileSync(join(folder, file)))}  ${file}\n`);
  return sha256(Buffer.from(lines.join("")));
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
