import { crc32 } from "node:zlib";

/** Writers of both containers for tests: able to write what no honest program would. */

export interface SafetensorsTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

export function safetensors(tensors: Record<string, SafetensorsTensor>, metadata?: Record<string, string>): Buffer {
  let end = 0;
  const header: Record<string, unknown> = metadata ? { __metadata__: metadata } : {};
  for (const [name, { dtype, shape, bytes }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.byteLength] };
    end += bytes.byteLength;
  }
  const data = Buffer.concat(Object.values(tensors).map(({ bytes }) => bytes));
  const text = JSON.stringify(header);
  // As the format's own writer does: the data begins at a multiple of eight.
  const padding = " ".repeat(-(8 + Buffer.byteLength(text)) & 7);
  return rawSafetensors(text + padding, data);
}

/** Any header text over any data. */
export function rawSafetensors(header: string | Buffer, data: Uint8Array = Buffer.alloc(0), length?: bigint): Buffer {
  const bytes = Buffer.from(header);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(bytes.byteLength));
  return Buffer.concat([prefix, bytes, data]);
}

export interface ZipEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Name in the record's own header, where that differs. */
  readonly localName?: string;
  readonly method?: number;
  readonly flags?: number;
  readonly crc?: number;
  /** Sizes and offset go into a zip64 extra field. */
  readonly zip64?: boolean;
  /** What the directory says instead of the truth. */
  readonly claimedSize?: number | bigint;
  readonly claimedOffset?: number | bigint;
}

/** A stored zip. `zip64End` writes a zip64 end record too. */
export function zip(entries: readonly ZipEntry[], { zip64End = false, entryCount = entries.length } = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  const add = (part: Buffer) => {
    parts.push(part);
    at += part.byteLength;
  };
  for (const entry of entries) {
    directory.push(centralHeader(entry, at));
    add(localHeader(entry));
    add(Buffer.from(entry.bytes));
  }
  const directoryAt = at;
  for (const header of directory) add(header);
  if (zip64End) for (const part of zip64EndRecords(entryCount, at - directoryAt, directoryAt, at)) add(part);
  add(endRecord(zip64End ? 0xffff : entryCount, at - directoryAt, zip64End ? 0xffffffff : directoryAt));
  return Buffer.concat(parts);
}

function checksum({ crc, bytes }: ZipEntry): number {
  return crc ?? crc32(bytes);
}

function localHeader(entry: ZipEntry): Buffer {
  const name = Buffer.from(entry.localName ?? entry.name);
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(entry.flags ?? 0, 6);
  header.writeUInt16LE(entry.method ?? 0, 8);
  header.writeUInt32LE(checksum(entry), 14);
  header.writeUInt32LE(entry.bytes.byteLength, 18);
  header.writeUInt32LE(entry.bytes.byteLength, 22);
  header.writeUInt16LE(name.byteLength, 26);
  return Buffer.concat([header, name]);
}

function centralHeader(entry: ZipEntry, offset: number): Buffer {
  const name = Buffer.from(entry.name);
  const size = BigInt(entry.claimedSize ?? entry.bytes.byteLength);
  const at = BigInt(entry.claimedOffset ?? offset);
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(entry.flags ?? 0, 8);
  header.writeUInt16LE(entry.method ?? 0, 10);
  header.writeUInt32LE(checksum(entry), 16);
  header.writeUInt32LE(entry.zip64 ? 0xffffffff : Number(size), 20);
  header.writeUInt32LE(entry.zip64 ? 0xffffffff : Number(size), 24);
  header.writeUInt16LE(name.byteLength, 28);
  header.writeUInt32LE(entry.zip64 ? 0xffffffff : Number(at), 42);
  if (!entry.zip64) return Buffer.concat([header, name]);
  const extra = Buffer.alloc(28);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(24, 2);
  extra.writeBigUInt64LE(size, 4);
  extra.writeBigUInt64LE(size, 12);
  extra.writeBigUInt64LE(at, 20);
  header.writeUInt16LE(extra.byteLength, 30);
  return Buffer.concat([header, name, extra]);
}

export function zip64EndRecords(count: number, size: number, offset: number | bigint, at: number | bigint): Buffer[] {
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(BigInt(count), 24);
  record.writeBigUInt64LE(BigInt(count), 32);
  record.writeBigUInt64LE(BigInt(size), 40);
  record.writeBigUInt64LE(BigInt(offset), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(at), 8);
  locator.writeUInt32LE(1, 16);
  return [record, locator];
}

export function endRecord(count: number, size: number, offset: number): Buffer {
  const record = Buffer.alloc(22);
  record.writeUInt32LE(0x06054b50, 0);
  record.writeUInt16LE(count, 8);
  record.writeUInt16LE(count, 10);
  record.writeUInt32LE(size >>> 0, 12);
  record.writeUInt32LE(offset, 16);
  return record;
}

/** Pieces of a pickle, protocol 2, put together as bytes. */
export const p = {
  proto: Buffer.from([0x80, 2]),
  stop: Buffer.from("."),
  mark: Buffer.from("("),
  none: Buffer.from("N"),
  false: Buffer.from([0x89]),
  true: Buffer.from([0x88]),
  emptyTuple: Buffer.from(")"),
  emptyDict: Buffer.from("}"),
  emptyList: Buffer.from("]"),
  reduce: Buffer.from("R"),
  build: Buffer.from("b"),
  newobj: Buffer.from([0x81]),
  setItems: Buffer.from("u"),
  setItem: Buffer.from("s"),
  append: Buffer.from("a"),
  persid: Buffer.from("Q"),
  put: (index: number) => Buffer.from([0x71, index]),
  get: (index: number) => Buffer.from([0x68, index]),
  global: (module: string, name: string) => Buffer.from(`c${module}\n${name}\n`),
  text(value: string): Buffer {
    const bytes = Buffer.from(value);
    const head = Buffer.alloc(5);
    head.write("X");
    head.writeUInt32LE(bytes.byteLength, 1);
    return Buffer.concat([head, bytes]);
  },
  int(value: number): Buffer {
    if (value > 0x7fffffff) {
      const long = Buffer.alloc(10);
      long.set([0x8a, 8]);
      long.writeBigInt64LE(BigInt(value), 2);
      return long;
    }
    const bytes = Buffer.alloc(5);
    bytes.write("J");
    bytes.writeInt32LE(value, 1);
    return bytes;
  },
  tuple: (...items: Buffer[]) => Buffer.concat([p.mark, ...items, Buffer.from("t")]),
  dict: (entries: readonly (readonly [string, Buffer])[]) =>
    Buffer.concat([p.emptyDict, p.mark, ...entries.flatMap(([key, value]) => [p.text(key), value]), p.setItems]),
  whole: (value: Buffer) => Buffer.concat([p.proto, value, p.stop]),
};

export interface PickledTensor {
  readonly storage: string;
  readonly key: string;
  readonly elements: number;
  readonly shape: readonly number[];
  readonly strides?: readonly number[];
  readonly offset?: number;
}

/** `torch._utils._rebuild_tensor_v2(storage, offset, size, stride, False, OrderedDict())`. */
export function pickledTensor(tensor: PickledTensor): Buffer {
  const { shape, offset = 0 } = tensor;
  const strides = tensor.strides ?? shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const storage = Buffer.concat([
    p.tuple(
      p.text("storage"),
      p.global("torch", tensor.storage),
      p.text(tensor.key),
      p.text("cuda:0"),
      p.int(tensor.elements),
    ),
    p.persid,
  ]);
  const hooks = Buffer.concat([p.global("collections", "OrderedDict"), p.emptyTuple, p.reduce]);
  const args = [storage, p.int(offset), p.tuple(...shape.map(p.int)), p.tuple(...strides.map(p.int)), p.false, hooks];
  return Buffer.concat([p.global("torch._utils", "_rebuild_tensor_v2"), p.tuple(...args), p.reduce]);
}

/** A checkpoint as torch.save writes it: the pickle, the byte order and the storages by key. */
export function torchZip(pickle: Buffer, storages: Record<string, Uint8Array>, byteOrder = "little"): ZipEntry[] {
  return [
    { name: "archive/data.pkl", bytes: pickle },
    { name: "archive/.format_version", bytes: Buffer.from("1") },
    { name: "archive/byteorder", bytes: Buffer.from(byteOrder) },
    ...Object.entries(storages).map(([key, bytes]) => ({ name: `archive/data/${key}`, bytes })),
    { name: "archive/version", bytes: Buffer.from("3\n") },
    { name: "archive/.data/serialization_id", bytes: Buffer.from("0000") },
  ];
}
