import { Worker } from "node:worker_threads";
import { builtFile } from "../built-file.js";
import type { GrowingFile } from "./growing-file.js";

/** What a `GrowingFile` is on its way to another thread. */
export type GrowingFileParts = Pick<GrowingFile, "descriptor" | "shared">;

/** A file that holds float32 values, each stretch from one byte to before another; they must all be finite. */
export interface CheckedFile {
  readonly descriptor: number;
  /** In their order, at multiples of four. */
  readonly floats: readonly (readonly [begin: number, end: number])[];
}

/**
 * Files that are hashed as one, one after another: paths, or descriptors that stay open meanwhile, or files that are
 * written meanwhile, or files whose values are checked on the way.
 */
export type HashJob = readonly (string | number | GrowingFileParts | CheckedFile)[];

/** A stretch of a `CheckedFile` holds a value that is no finite float32. */
export class NotFiniteError extends Error {
  constructor(
    /** The stretch's place in the list. */
    readonly stretch: number,
  ) {
    super(`Stretch ${stretch} of a file holds a value that is no finite float32.`);
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

/** A thread that has been started and waits for its jobs. */
let spare: Worker | undefined;

/** Starts the thread of the next `hashFiles` now, while there is nothing to hash yet: it takes some hundredths of a second. */
export function prepareToHash(): void {
  if (spare) return;
  const thread = startThread();
  const forget = () => {
    if (spare === thread) spare = undefined;
  };
  thread.once("error", forget).once("exit", forget);
  thread.unref(); // it may never be needed
  spare = thread;
}

function startThread(): Worker {
  // Options of the process that say how its own program is read (--input-type, --import) are none of the thread's.
  return new Worker(THREAD_FILE, { execArgv: [] });
}

/**
 * SHA-256 of each job's bytes, in hexadecimal: about 0.6 seconds a gigabyte, in a thread of its own. Rejects with the file
 * system's error or a `NotFiniteError`; when it settles, the thread reads no more.
 */
export async function hashFiles(jobs: readonly HashJob[], options: HashOptions = {}): Promise<string[]> {
  options.signal?.throwIfAborted();
  if (jobs.length === 0) return [];
  const worker = spare ?? startThread();
  spare = undefined;
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
