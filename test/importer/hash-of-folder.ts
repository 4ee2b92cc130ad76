import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Manifest } from "../../src/model/manifest.js";
import { hasEncoder } from "../../src/model/tokenizer-architecture.js";

/** The hash that a manifest states for the files in a folder: `sha256sum FILE ... | sha256sum`. */
export function hashOfFolder(folder: string, model: Pick<Manifest, "architecture" | "weight_files">): string {
  const encode = hasEncoder(model.architecture.tokenizer) ? ["encode.onnx"] : [];
  const files = ["predict.onnx", "denoise.onnx", "decode.onnx", ...encode, ...model.weight_files];
  const lines = files.map((file) => `${sha256(readFileSync(join(folder, file)))}  ${file}\n`);
  return sha256(Buffer.from(lines.join("")));
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
