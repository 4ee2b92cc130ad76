import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { GrowingFile } from "./growing-file.js";
import type { FromHashThread, HashJob } from "./hash-files.js";

/** Entry of a thread that hashes files: it reads and hashes for as long as there is something, and nothing else waits. */

/** What is read stays in a core's own cache until it is hashed. */
const CHUNK_BYTES = 256 * 1024;
/** How often it says how far it is. */
const REPORT_BYTES = 16 * 1024 * 1024;

const port = parentPort!;
const post = (message: FromHashThread) => port.postMessage(message);
const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
let unreported = 0;

function report(bytes: number, atLeast: number): void {
  unreported += bytes;
  if (unreported < atLeast) return;
  post({ kind: "progress", bytes: unreported });
  unreported = 0;
}

/** `bytesBeyond` tells how much may be read after a position, as soon as there is something; 0 ends the file. */
function addFile(
  hash: ReturnType<typeof createHash>,
  descriptor: number,
  bytesBeyond: (position: number) => number = () => CHUNK_BYTES,
): void {
  for (let position = 0; ; ) {
    const bytes = readSync(descriptor, chunk, 0, Math.min(CHUNK_BYTES, bytesBeyond(position)), position);
    if (bytes === 0) return;
    hash.update(chunk.subarray(0, bytes));
    position += bytes;
    report(bytes, REPORT_BYTES);
  }
}

function digest(files: HashJob): string {
  const hash = createHash("sha256");
  for (const file of files) {
    if (typeof file === "number") {
      addFile(hash, file);
      continue;
    }
    if (typeof file === "object") {
      const growing = new GrowingFile(file.descriptor, file.shared);
      addFile(hash, growing.descriptor, (position) => growing.waitBeyond(position));
      continue;
    }
    const descriptor = openSync(file, "r");
    try {
      addFile(hash, descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
  report(0, 1);
  return hash.digest("hex");
}

try {
  for (const job of workerData as readonly HashJob[]) post({ kind: "digest", sha256: digest(job) });
} catch (error) {
  const { message, code, path, syscall } = error as NodeJS.ErrnoException;
  post({ kind: "failed", error: { message, code, path, syscall } });
}
