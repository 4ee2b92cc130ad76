import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { type Entry, openPromise, type ZipFile as ZipReader } from "yauzl";
import { ZipFile } from "yazl";
import { EvaluationError } from "./error.js";
import { decodeNpy, encodeNpy, type NpyArray, type NpyHeader, npyDataBytes, npyHeader, readNpyHeader } from "./npy.js";

/** NumPy's `.npz`: a zip of `.npy` files named after their arrays. */
export class NpzFile {
  private constructor(
    readonly path: string,
    private readonly zip: ZipReader,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  /** Throws `EvaluationError`. */
  static async open(path: string): Promise<NpzFile> {
    const zip = await openPromise(path, { autoClose: false }).catch((error: Error) => {
      if ((error as NodeJS.ErrnoException).code) throw error;
      throw new EvaluationError(`${path} is not an .npz file: ${error.message.replace(/\.+$/, "")}.`);
    });
    const entries = new Map<string, Entry>();
    for await (const entry of zip.eachEntry()) entries.set(entry.fileName.replace(/\.npy$/, ""), entry);
    return new NpzFile(path, zip, entries);
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  get names(): string[] {
    return [...this.entries.keys()];
  }

  /** A whole array, of at most `maxBytes`. */
  async array(name: string, maxBytes = 2 ** 31): Promise<NpyArray> {
    const entry = this.#entry(name);
    if (entry.uncompressedSize > maxBytes)
      throw new EvaluationError(
        `${this.path}: ${name} has ${entry.uncompressedSize} bytes; at most ${maxBytes} are read.`,
      );
    return this.#naming(name, async () => decodeNpy(await buffer(await this.zip.openReadStreamPromise(entry))));
  }

  /** Streams the rows (first axis) of a byte array, without holding it whole. */
  async *rows(name: string): AsyncGenerator<Uint8Array> {
    let header: NpyHeader | undefined;
    let held: Buffer = Buffer.alloc(0);
    let rowBytes = 0;
    for await (const chunk of await this.zip.openReadStreamPromise(this.#entry(name))) {
      held = held.length === 0 ? (chunk as Buffer) : Buffer.concat([held, chunk as Buffer]);
      if (!header) {
        if (held.length < 128) continue;
        header = await this.#naming(name, async () => readNpyHeader(held));
        rowBytes = npyDataBytes(header) / Math.max(1, header.shape[0] ?? 1);
        held = held.subarray(header.byteLength);
      }
      while (held.length >= rowBytes && rowBytes > 0) {
        yield new Uint8Array(held.subarray(0, rowBytes));
        held = held.subarray(rowBytes);
      }
    }
  }

  async header(name: string): Promise<NpyHeader> {
    const stream = await this.zip.openReadStreamPromise(this.#entry(name));
    for await (const chunk of stream) {
      stream.destroy();
      return this.#naming(name, async () => readNpyHeader(chunk as Buffer));
    }
    throw new EvaluationError(`${this.path}: ${name} is empty.`);
  }

  close(): void {
    this.zip.close();
  }

  #entry(name: string): Entry {
    const entry = this.entries.get(name);
    if (!entry) throw new EvaluationError(`${this.path} has no array ${name}; it has ${this.names.join(", ")}.`);
    return entry;
  }

  #naming<T>(name: string, read: () => Promise<T>): Promise<T> {
    return read().catch((error: unknown) => {
      if (error instanceof EvaluationError) throw new EvaluationError(`${this.path}: ${name} ${error.message}.`);
      throw error;
    });
  }
}

/** A byte array whose rows are streamed. */
export interface ByteRows {
  readonly shape: readonly number[];
  readonly rows: AsyncIterable<Uint8Array>;
}

/** Writes an `.npz`, renamed into place at the end; byte arrays may be larger than memory. The bytes depend on the arrays alone. */
export async function writeNpz(path: string, arrays: Readonly<Record<string, NpyArray | ByteRows>>): Promise<void> {
  const zip = new ZipFile();
  for (const [name, array] of Object.entries(arrays)) {
    const options = { mtime: new Date(1980, 0, 1), mode: 0o100644, compress: !("rows" in array) };
    if ("rows" in array) zip.addReadStream(Readable.from(bytesOf(array)), `${name}.npy`, options);
    else zip.addBuffer(encodeNpy(array), `${name}.npy`, options);
  }
  zip.end();
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await pipeline(zip.outputStream, createWriteStream(temporary));
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function* bytesOf({ shape, rows }: ByteRows): AsyncGenerator<Uint8Array> {
  yield npyHeader("|u1", shape);
  yield* rows;
}
