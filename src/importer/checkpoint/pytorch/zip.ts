import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from "yauzl";
import { CheckpointError, quote } from "../error.js";
import type { CheckpointFile } from "../file.js";

/** A file inside the zip, uncompressed, in one piece. */
export interface ZipRecord {
  readonly name: string;
  /** Absolute byte offset of its first byte. */
  readonly offset: number;
  readonly byteLength: number;
  /** Of its bytes; undefined where the writer left it out. */
  readonly crc32: number | undefined;
}

/** The largest published training checkpoints have some three thousand records. */
const MAX_RECORDS = 65_536;
const MAX_NAME_BYTES = 1024;
/** Headers are read in pieces of some tens of bytes; a window saves most of the reads. */
const WINDOW_BYTES = 8192;

/**
 * The records of a zip as PyTorch writes it: all uncompressed, so that each can be read by offset. Sizes and
 * offsets were checked against the file (zip64 too); records neither overlap nor share a name.
 */
export async function readZipDirectory(file: CheckpointFile): Promise<ReadonlyMap<string, ZipRecord>> {
  let zip: ZipFile | undefined;
  try {
    zip = await fromRandomAccessReaderPromise(new WindowReader(file), file.sizeBytes, {
      autoClose: false,
      strictFileNames: true,
      // Judged below, after what explains a difference.
      validateEntrySizes: false,
    });
    return await readRecords(zip);
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    // yauzl throws plain errors for whatever it finds wrong with the container.
    throw new CheckpointError(`it is a damaged or truncated zip: ${quote((error as Error).message)}`);
  } finally {
    zip?.close();
  }
}

async function readRecords(zip: ZipFile): Promise<ReadonlyMap<string, ZipRecord>> {
  if (zip.entryCount > MAX_RECORDS) {
    throw new CheckpointError(`it lists ${zip.entryCount} records; at most ${MAX_RECORDS} are read`);
  }
  // First the whole directory, then the records' own headers: each pass reads from front to back.
  const entries = new Map<string, Entry>();
  for await (const entry of zip.eachEntry()) {
    checkEntry(entry);
    const name = entry.fileName;
    if (entries.has(name)) throw new CheckpointError(`it holds two records named ${quote(name)}`);
    entries.set(name, entry);
  }
  const records = new Map<string, ZipRecord>();
  const spans: Span[] = [];
  for (const [name, entry] of entries) {
    const header = await zip.readLocalFileHeaderPromise(entry);
    // PyTorch itself reads by the local header: two names for one record mean that two readers see two files.
    if (!header.fileName.equals(entry.fileNameRaw)) {
      throw new CheckpointError(`record ${quote(name)} has another name in its own header`);
    }
    const offset = header.fileDataStart;
    records.set(name, { name, offset, byteLength: entry.compressedSize, crc32: entry.crc32 || undefined });
    spans.push({ name, begin: entry.relativeOffsetOfLocalHeader, end: offset + entry.compressedSize });
  }
  checkOverlaps(spans);
  return records;
}

function checkEntry(entry: Entry): void {
  const name = entry.fileName;
  if (entry.isEncrypted()) throw new CheckpointError(`record ${quote(name)} is encrypted`);
  if (entry.compressionMethod !== 0) {
    throw new CheckpointError(
      `record ${quote(name)} is compressed; PyTorch stores its records as they are: save the checkpoint with torch.save`,
    );
  }
  if (entry.compressedSize !== entry.uncompressedSize) throw new CheckpointError(`record ${quote(name)} has two sizes`);
  if (entry.fileNameLength > MAX_NAME_BYTES) throw new CheckpointError("it holds a record with an absurdly long name");
  for (const character of name) {
    if (character < " ") throw new CheckpointError(`record ${quote(name)} has control characters in its name`);
  }
}

interface Span {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

function checkOverlaps(spans: Span[]): void {
  spans.sort((a, b) => a.begin - b.begin);
  let end = 0;
  for (const span of spans) {
    if (span.begin < end) throw new CheckpointError(`record ${quote(span.name)} overlaps another`);
    end = span.end;
  }
}

/**
 * What yauzl reads through, instead of its own descriptor: an offset beyond 2^53 (a zip64 field may hold any 64 bits)
 * would make `fs.read` throw inside a callback, where nothing could catch it.
 */
class WindowReader extends RandomAccessReader {
  #window: Buffer = Buffer.alloc(0);
  #windowAt = 0;

  constructor(private readonly file: CheckpointFile) {
    super();
  }

  override read(
    target: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#slice(position, length).then(
      (bytes) => {
        bytes.copy(target, offset);
        callback(null);
      },
      (error: Error) => callback(error),
    );
  }

  override close(callback: (error: Error | null) => void): void {
    setImmediate(callback, null);
  }

  async #slice(position: number, length: number): Promise<Buffer> {
    const inWindow = position - this.#windowAt;
    if (inWindow >= 0 && inWindow + length <= this.#window.byteLength) {
      return this.#window.subarray(inWindow, inWindow + length);
    }
    const available = Math.min(WINDOW_BYTES, this.file.sizeBytes - position);
    const window = await this.file.read(position, Math.max(length, available));
    this.#window = window;
    this.#windowAt = position;
    return window.subarray(0, length);
  }
}
