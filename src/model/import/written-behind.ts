import type { Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";

/** After so many bytes the disk is told to begin: at the end little is left to wait for. */
const SYNC_BYTES = 64 * 1024 * 1024;

/** A file written from its beginning to its end and hashed, one write under way while the next bytes are made. */
export class WrittenBehind {
  private endOffset = 0;
  private unsynced = 0;
  private writing: Promise<void> = Promise.resolve();
  private syncing: Promise<void> | undefined;

  constructor(
    private readonly file: FileHandle,
    private readonly hash: Hash,
    private readonly onBytes: (bytes: number) => void,
  ) {}

  /** Bytes from `offset` on, zeros before them; they stay untouched until the next call has settled. */
  async put(bytes: Uint8Array, offset?: number): Promise<void> {
    if (offset !== undefined && offset > this.endOffset) await this.append(new Uint8Array(offset - this.endOffset));
    await this.append(bytes);
  }

  /** Resolves when everything is on the disk. */
  async end(): Promise<void> {
    await this.writing;
    await this.syncing;
    await this.file.sync();
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
