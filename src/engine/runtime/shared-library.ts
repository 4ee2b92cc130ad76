import { type FileHandle, open } from "node:fs/promises";
import { constants } from "node:os";

/** Fields of ELF files for 64 bits, little-endian (System V ABI, chapters 4 and 5). */
const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;
const DT_STRSZ = 10n;
/** More than any library has: a file that claims more is not one. */
const MAX_TABLE_BYTES = 1024 * 1024;

/** The file is not a shared library for 64-bit Linux, or not all of one. */
export class NotALibrary extends Error {
  override readonly name = "NotALibrary";
}

/** The libraries that a shared library needs directly, as `readelf -d` lists them. Throws `NotALibrary`. */
export async function readNeeded(path: string): Promise<string[]> {
  const file = await open(path);
  try {
    const header = await read(file, path, 0, HEADER_BYTES);
    if (header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1) throw notALibrary(path);
    const count = header.readUInt16LE(56);
    const segments = await read(file, path, Number(header.readBigUInt64LE(32)), count * PROGRAM_HEADER_BYTES);
    const ofType = (wanted: number) =>
      Array.from({ length: count }, (_, i) =>
        segments.subarray(i * PROGRAM_HEADER_BYTES, (i + 1) * PROGRAM_HEADER_BYTES),
      )
        .filter((segment) => segment.readUInt32LE(0) === wanted)
        .map((segment) => ({
          offset: Number(segment.readBigUInt64LE(8)),
          address: Number(segment.readBigUInt64LE(16)),
          bytes: Number(segment.readBigUInt64LE(32)),
        }));
    const [dynamic] = ofType(PT_DYNAMIC);
    if (!dynamic) throw notALibrary(path);
    const table = await read(file, path, dynamic.offset, dynamic.bytes);
    const entries = Array.from({ length: Math.floor(table.length / 16) }, (_, i) => ({
      tag: table.readBigInt64LE(16 * i),
      value: Number(table.readBigUInt64LE(16 * i + 8)),
    }));
    const valueWith = (wanted: bigint) => entries.find(({ tag }) => tag === wanted)?.value ?? 0;
    const namesAt = valueWith(DT_STRTAB);
    const loaded = ofType(PT_LOAD);
    const { size } = await file.stat();
    if (loaded.some(({ offset, bytes }) => offset + bytes > size)) throw notALibrary(path);
    const segment = loaded.find(({ address, bytes }) => namesAt >= address && namesAt < address + bytes);
    if (!segment) throw notALibrary(path);
    const names = await read(file, path, segment.offset + namesAt - segment.address, valueWith(DT_STRSZ));
    return entries
      .filter(({ tag }) => tag === DT_NEEDED)
      .map(({ value }) => names.toString("latin1", value, names.indexOf(0, value)));
  } finally {
    await file.close();
  }
}

async function read(file: FileHandle, path: string, offset: number, bytes: number): Promise<Buffer> {
  if (!Number.isSafeInteger(offset) || bytes > MAX_TABLE_BYTES) throw notALibrary(path);
  const { bytesRead, buffer } = await file.read(Buffer.alloc(bytes), 0, bytes, offset);
  if (bytesRead < bytes) throw notALibrary(path);
  return buffer;
}

function notALibrary(path: string): NotALibrary {
  return new NotALibrary(`${path} is not a whole shared library for 64-bit Linux.`);
}

/** Whether the dynamic loader of this process finds and loads a library by its name, such as `libcudart.so.13`. */
export function loads(name: string): boolean {
  try {
    process.dlopen({ exports: {} }, name, constants.dlopen.RTLD_LAZY);
    return true;
  } catch (error) {
    // Node unloads what is not an add-on, but the loader had found it.
    return /did not self-register/.test((error as Error).message);
  }
}
