import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";

/** After so many bytes the disk is told to begin: at the end little is left to wait for. */
const SYNC_BYTES = 64 * 1024 * 1024;

/**
 * Makes a file, written from its beginning to its end by `write`; resolves with its SHA-256 when everything is on the
 * disk. When it settles, nothing is under way.
 */
export async function writeFileBehind(
  path: string,
  onBytes: (bytes: number) => void,
  write: (output: WrittenBehind) => Promise<void>,
): Promise<string> {
  const file = await open(path, "wx");
  try {
    const output = new WrittenBehind(file, onBytes);
    try {
      await write(output);
    } finally {
      await output.settled();
    }
    return await output.end();
  } finally {
    await file.close();
  }
}

/** A file that is hashed as it is written, one write under way while the next bytes are made. */
export class WrittenBehind {
  private readonly hash = createHash("sha256");
  private endOffset = 0;
  private unsynced = 0;
  private writing: Promise<void> = Promise.resolve();
  private syncing: Promise<void> | undefined;

  constructor(
    private readonly file: FileHandle,
    private readonly onBytes: (bytes: number) => void,
  ) {}

  /** Bytes from `offset` on, zeros before them. They must stay untouched until the next call has settled. */
  async put(bytes: Uint8Array, offset = 0): Promise<void> {
    if (offset > this.endOffset) await this.append(new Uint8Array(offset - this.endOffset));
    await this.append(bytes);
  }

  /** Resolves with the SHA-256 when everything is on the disk. */
  async end(): Promise<string> {
    await this.writing;
    await this.syncing;
    await this.file.sync();
    return this.hash.digest("hex");
  }

  /** Resolves when nothing is under way, whatever came of it. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.writing, this.syncing]);
  }

  private async append(bytes: Uint8Array): Promise<void> {
    this.hash.update(bytes);
    await this.writing;
    // FileHandle.writeFile, unlike write, does not stop at a partial write.
    this.writing = this.file.writeFile(bytes);
    this.writing.catch(() => {}); // the next call is told
    this.endOffset += bytes.byteLength;
    this.unsynced += bytes.byteLength;
    this.beginSync();
    this.onBytes(bytes.byteLength);
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
