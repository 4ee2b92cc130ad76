import { Worker } from "node:worker_threads";
import { builtFile } from "../../files/package.js";

/** Float32 values in a file, which must all be finite: in their order, at multiples of four. */
export type Stretches = readonly (readonly [begin: number, end: number])[];

/** An open file, which may still be written while it is hashed, and whose numbers may be checked on the way. */
export interface OpenFile {
  readonly descriptor: number;
  /** Of a `GrowingFile`: how far it is written. */
  readonly shared?: SharedArrayBuffer;
  readonly floats?: Stretches;
}

/** Files that are hashed as one, one after another; a string is a path. */
export type HashJob = readonly (string | OpenFile)[];

/** A stretch of an `OpenFile` holds a value that is not a finite float32. */
export class NotFiniteError extends Error {
  constructor(
    /** The stretch's place in the list. */
    readonly stretch: number,
  ) {
    super(`Stretch ${stretch} of a file holds a value that is not a finite float32.`);
  }
}

export type FromHashThread =
  | { readonly kind: "progress"; readonly bytes: number }
  | { readonly kind: "digest"; readonly sha256: string }
  | { readonly kind: "notFinite"; readonly stretch: number }
  | { readonly kind: "failed"; readonly error: Pick<NodeJS.ErrnoException, "message" | "code" | "path" | "syscall"> };

export interface HashOptions {
  /** Called with every few megabytes; what it throws ends the work, and is what the promise rejects with. */
  readonly onBytes?: (bytes: number) => void;
  /** Aborted: the thread ends at once, and the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const THREAD_FILE = builtFile("hash-thread.js", import.meta.url);

/** Threads that have been started and wait for their jobs. */
const spares: Worker[] = [];

/** Starts the thread of a later `hashFiles` now, while there is nothing to hash yet: it takes some hundredths of a second. */
export function prepareToHash(): void {
  const thread = startThread();
  const forget = () => {
    const index = spares.indexOf(thread);
    if (index >= 0) spares.splice(index, 1);
  };
  thread.once("error", forget).once("exit", forget);
  thread.unref(); // it may never be needed
  spares.push(thread);
}

function startThread(): Worker {
  // The thread must not inherit options that say how the process reads its own program (--input-type, --import).
  return new Worker(THREAD_FILE, { execArgv: [] });
}

/**
 * SHA-256 of each job's bytes, in hexadecimal: about 0.6 seconds a gigabyte, in a thread of its own. Rejects with the file
 * system's error or a `NotFiniteError`; when it settles, the thread reads no more.
 */
export async function hashFiles(jobs: readonly HashJob[], options: HashOptions = {}): Promise<string[]> {
  options.signal?.throwIfAborted();
  if (jobs.length === 0) return [];
  const worker = spares.shift() ?? startThread();
  worker.ref();
  try {
    worker.postMessage(jobs);
    return await digests(worker, jobs.length, options);
  } finally {
    await worker.terminate();
  }
}

function digests(worker: Worker, count: number, { onBytes, signal }: HashOptions): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const found: string[] = [];
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    worker.on("error", reject);
    worker.on("exit", (code) => reject(new Error(`The thread that hashes files ended with exit code ${code}.`)));
    worker.on("message", (message: FromHashThread) => {
      try {
        if (message.kind === "progress") onBytes?.(message.bytes);
        else if (message.kind === "notFinite") reject(new NotFiniteError(message.stretch));
        else if (message.kind === "failed") reject(Object.assign(new Error(message.error.message), message.error));
        else if (found.push(message.sha256) === count) resolve(found);
      } catch (error) {
        reject(error);
      }
    });
  });
}
