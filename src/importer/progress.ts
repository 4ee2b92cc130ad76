import { ImportError } from "./error.js";

export interface ImportProgress {
  readonly step: "hashing" | "writing" | "verifying";
  /** Of the whole import. */
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface ProgressOptions {
  readonly onProgress?: (progress: ImportProgress) => void;
  /** Cancels: the import stops within a few megabytes of work and leaves nothing behind. */
  readonly signal?: AbortSignal;
}

/** Counts and reports bytes; stops an import that was cancelled, or of which another part has failed. */
export class Progress {
  #doneBytes = 0;
  readonly #stopped = new AbortController();

  constructor(
    private readonly options: ProgressOptions,
    private readonly totalBytes: number,
  ) {}

  /** Aborted when a part of the import has failed. */
  get signal(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Whether the caller has cancelled the import: the next `add` throws. */
  get isCancelled(): boolean {
    return this.options.signal?.aborted ?? false;
  }

  add(step: ImportProgress["step"], bytes: number): void {
    this.#stopped.signal.throwIfAborted();
    this.#doneBytes += bytes;
    this.options.onProgress?.({ step, doneBytes: this.#doneBytes, totalBytes: this.totalBytes });
    if (this.isCancelled) throw new ImportError("The import was cancelled; nothing was written.");
  }

  /** All results. If one part fails, stops the others and waits until they read and write no more. */
  async untilOneFails<Parts extends readonly Promise<unknown>[]>(
    parts: readonly [...Parts],
  ): Promise<{ -readonly [Part in keyof Parts]: Awaited<Parts[Part]> }> {
    try {
      return await Promise.all(parts);
    } catch (error) {
      this.#stopped.abort(error);
      await Promise.allSettled(parts);
      throw error;
    }
  }
}
