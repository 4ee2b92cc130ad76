import type { BigIntStats } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { CheckpointError } from "./error.js";

/** A regular file that is read by position only; every read is checked against the size it had when opened. */
export class CheckpointFile {
  private constructor(
    readonly path: string,
    readonly sizeBytes: number,
    private readonly opened: BigIntStats,
    private readonly handle: FileHandle,
  ) {}

  get descriptor(): number {
    return this.handle.fd;
  }

  static async open(path: string): Promise<CheckpointFile> {
    let handle: FileHandle | undefined;
    try {
      // Before opening: opening a named pipe would wait for a writer.
      if (!(await stat(path)).isFile()) throw new CheckpointError("it is not a regular file");
      handle = await open(path, "r");
      const opened = await handle.stat({ bigint: true });
      return new CheckpointFile(path, Number(opened.size), opened, handle);
    } catch (error) {
      await handle?.close();
      throw asCheckpointError(error);
    }
  }

  /** Exactly `length` bytes from `position`, or an error; the caller has bounded `length`. */
  async read(position: number, length: number): Promise<Buffer> {
    this.#checkRange(position, length);
    const target = Buffer.allocUnsafeSlow(length);
    await this.readInto(target, position);
    return target;
  }

  /** Fills `target` from `position`. */
  async readInto(target: Uint8Array, position: number): Promise<void> {
    this.#checkRange(position, target.byteLength);
    let done = 0;
    while (done < target.byteLength) {
      let bytesRead: number;
      try {
        ({ bytesRead } = await this.handle.read(target, done, target.byteLength - done, position + done));
      } catch (error) {
        throw asCheckpointError(error);
      }
      if (bytesRead === 0) throw new CheckpointError(`it ended at byte ${position + done} while it was read`);
      done += bytesRead;
    }
  }

  /** Whether the path still names the file that was opened, of its size, and last written when it was then. */
  async isUnchanged(): Promise<boolean> {
    const now = await stat(this.path, { bigint: true }).catch(() => undefined);
    return (["dev", "ino", "size", "mtimeNs"] as const).every((field) => now?.[field] === this.opened[field]);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  #checkRange(position: number, length: number): void {
    if (!Number.isSafeInteger(position) || position < 0 || length < 0 || !(position + length <= this.sizeBytes)) {
      throw new CheckpointError(`it refers to bytes ${position} to ${position + length} but holds ${this.sizeBytes}`);
    }
  }
}

/** File system errors become sentences; everything else passes unchanged. */
export function asCheckpointError(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT" || code === "ENOTDIR") return new CheckpointError("it does not exist");
  if (code === "EACCES" || code === "EPERM") return new CheckpointError("permission is denied");
  if (typeof code === "string" && /^E[A-Z]+$/.test(code)) return new CheckpointError(`the file system says ${code}`);
  return error;
}
