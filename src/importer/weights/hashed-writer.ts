import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { GrowingFile } from "../../model/files/growing-file.js";
import { hashFiles, type Stretches } from "../../model/files/hash-files.js";

/** After so many bytes the disk is told to begin: at the end little is left to wait for. */
const SYNC_BYTES = 128 * 1024 * 1024;

/**
 * Makes a large file, written from its beginning to its end by `write`; resolves with its SHA-256 when everything is on the
 * disk. Rejects with `NotFiniteError` where it has `floats` that are none. When it settles, nothing is under way.
 */
export async function writeHashedFile(
  path: string,
  onBytes: (bytes: number) => void,
  write: (output: HashedWriter) => Promise<void>,
  floats?: Stretches,
): Promise<string> {
  const file = await open(path, "wx+"); // another thread reads what is hashed
  const failed = new AbortController();
  try {
    const growing = new GrowingFile(file.fd);
    const { descriptor, shared } = growing;
    const hash = hashFiles([[{ descriptor, shared, ...(floats && { floats }) }]], { signal: failed.signal });
    const output = new HashedWriter(file, growing, onBytes);
    hash.catch((error: unknown) => output.refuse(error)); // it is awaited in the end
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

/** A file that another thread hashes as it is written, one write under way while the next bytes are made. */
export class HashedWriter {
  private endOffset = 0;
  private unsynced = 0;
  private writing: Promise<void> = Promise.resolve();
  private syncing: Promise<void> | undefined;
  private refusal: unknown;

  constructor(
    private readonly file: FileHandle,
    private readonly growing: GrowingFile,
    private readonly onBytes: (bytes: number) => void,
  ) {}

  /** Settles when what has been put by now is written. */
  get underWay(): Promise<void> {
    return this.writing;
  }

  /** Bytes from `offset` on, zeros before them. They must stay untouched until the next call has settled. */
  async put(bytes: Uint8Array, offset = 0): Promise<void> {
    if (offset > this.endOffset) await this.append(new Uint8Array(offset - this.endOffset));
    await this.append(bytes);
  }

  /** The next bytes are refused with this error. */
  refuse(error: unknown): void {
    this.refusal = error;
  }

  /** Resolves when everything is on the disk. */
  async end(): Promise<void> {
    await this.writing;
    this.growing.end();
    await this.syncing;
    await this.file.sync();
  }

  /** Resolves when nothing is under way, whatever came of it. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.writing, this.syncing]);
  }

  private async append(bytes: Uint8Array): Promise<void> {
    await this.writing;
    if (this.refusal) throw this.refusal;
    this.writing = this.write(bytes);
    this.writing.catch(() => {}); // the next call is told
    this.endOffset += bytes.byteLength;
    this.unsynced += bytes.byteLength;
    this.beginSync();
    this.onBytes(bytes.byteLength);
  }

  /** FileHandle.write may stop early, and FileHandle.writeFile cuts everything into small pieces. */
  private async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.byteLength; ) {
      const { bytesWritten } = await this.file.write(bytes, done);
      done += bytesWritten;
      this.growing.wrote(bytesWritten);
    }
  }

  private beginSync(): void {
    if (this.unsynced < SYNC_BYTES || this.syncing) return;
    this.unsynced = 0;
    this.syncing = this.file.datasync().then(() => {
      this.syncing = undefined;
    });
    this.syncing.catch(() => {}); // `end` is told
  }
}
