import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { GrowingFile } from "../../model/files/growing-file.js";
import { hashFiles, type Stretches } from "../../model/files/hash-files.js";

/** Bytes after which a sync to the disk begins, so that little is left to sync at the end. */
const SYNC_BYTES = 128 * 1024 * 1024;

/**
 * Makes a large file that `write` fills from beginning to end; resolves with its SHA-256 when everything is on the disk.
 * Rejects with `NotFiniteError` if a value of `floats` is not a finite number. When it settles, nothing is under way.
 */
export async function writeHashedFile(
  path: string,
  onBytes: (bytes: number) => void,
  write: (output: HashedWriter) => Promise<void>,
  floats?: Stretches,
): Promise<string> {
  const file = await open(path, "wx+"); // the hashing thread reads it
  const failed = new AbortController();
  try {
    const growing = new GrowingFile(file.fd);
    const { descriptor, shared } = growing;
    const hash = hashFiles([[{ descriptor, shared, ...(floats && { floats }) }]], { signal: failed.signal });
    const output = new HashedWriter(file, growing, onBytes);
    hash.catch((error: unknown) => output.refuse(error)); // awaited below
    try {
      await write(output);
      await output.end();
    } catch (error) {
      failed.abort(error);
      throw error;
    } finally {
      await Promise.allSettled([output.settled(), failed.signal.aborted ? hash : undefined]);
    }
    const [sha256] = await hash;
    return sha256!;
  } finally {
    await file.close();
  }
}

/** Makes a small file; resolves with its SHA-256 when it is on the disk. */
export async function writeSmallFile(path: string, bytes: Uint8Array): Promise<string> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  return createHash("sha256").update(bytes).digest("hex");
}

/** A file that another thread hashes while it is written. One write is under way while the next bytes are made. */
export class HashedWriter {
  #endOffset = 0;
  #unsynced = 0;
  #writing: Promise<void> = Promise.resolve();
  #syncing: Promise<void> | undefined;
  #refusal: unknown;

  constructor(
    private readonly file: FileHandle,
    private readonly growing: GrowingFile,
    private readonly onBytes: (bytes: number) => void,
  ) {}

  /** Settles when everything put so far is written. */
  get underWay(): Promise<void> {
    return this.#writing;
  }

  /** Writes bytes at `offset`, with zeros before them. They must not change until the next call has settled. */
  async put(bytes: Uint8Array, offset = 0): Promise<void> {
    if (offset > this.#endOffset) await this.#append(new Uint8Array(offset - this.#endOffset));
    await this.#append(bytes);
  }

  /** The next `put` throws this error. */
  refuse(error: unknown): void {
    this.#refusal = error;
  }

  /** Resolves when everything is on the disk. */
  async end(): Promise<void> {
    await this.#writing;
    this.growing.end();
    await this.#syncing;
    await this.file.sync();
  }

  /** Resolves when no write or sync is under way, failed or not. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#writing, this.#syncing]);
  }

  async #append(bytes: Uint8Array): Promise<void> {
    await this.#writing;
    if (this.#refusal) throw this.#refusal;
    this.#writing = this.#write(bytes);
    this.#writing.catch(() => {}); // thrown by the next call
    this.#endOffset += bytes.byteLength;
    this.#unsynced += bytes.byteLength;
    this.#beginSync();
    this.onBytes(bytes.byteLength);
  }

  /** FileHandle.write may stop early, and FileHandle.writeFile cuts everything into small pieces. */
  async #write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.byteLength; ) {
      const { bytesWritten } = await this.file.write(bytes, done);
      done += bytesWritten;
      this.growing.wrote(bytesWritten);
    }
  }

  #beginSync(): void {
    if (this.#unsynced < SYNC_BYTES || this.#syncing) return;
    this.#unsynced = 0;
    this.#syncing = this.file.datasync().then(() => {
      this.#syncing = undefined;
    });
    this.#syncing.catch(() => {}); // thrown by `end`
  }
}
