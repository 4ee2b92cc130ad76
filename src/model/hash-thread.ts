import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import type { FromHashThread, HashJob } from "./hash-files.js";

/** Entry of a thread that hashes files: it reads and hashes for as long as there is something, and nothing else waits. */

const CHUNK_BYTES = 1024 * 1024;
/** How often it says how far it is. */
const REPORT_BYTES = 16 * CHUNK_BYTES;

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

function addFile(hash: ReturnType<typeof createHash>, descriptor: number): void {
  for (let position = 0; ; ) {
    const bytes = readSync(descriptor, chunk, 0, CHUNK_BYTES, position);
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
