import { writeFileSync } from "node:fs";

/** Writes the smallest shared library for 64-bit Linux that needs others. The dynamic loader is never given it. */
export function writeLibrary(path: string, needed: readonly string[]): void {
  const names = Buffer.from(["", ...needed, ""].join("\0"), "latin1");
  const entries = [
    ...needed.map((name) => [1, names.indexOf(`${name}\0`, 0, "latin1")]),
    [5, 0x1000 + 64 + 2 * 56], // The names' address: segments are loaded at 0x1000.
    [10, names.length],
    [0, 0],
  ];
  const bytes = Buffer.alloc(64 + 2 * 56 + names.length + 16 * entries.length);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(2, 56);
  const tableAt = 64 + 2 * 56 + names.length;
  const segments = [
    { type: 1, offset: 0, size: bytes.length },
    { type: 2, offset: tableAt, size: 16 * entries.length },
  ];
  for (const [i, { type, offset, size }] of segments.entries()) {
    const at = 64 + 56 * i;
    bytes.writeUInt32LE(type, at);
    bytes.writeBigUInt64LE(BigInt(offset), at + 8);
    bytes.writeBigUInt64LE(BigInt(0x1000 + offset), at + 16);
    bytes.writeBigUInt64LE(BigInt(size), at + 32);
  }
  names.copy(bytes, 64 + 2 * 56);
  for (const [i, [tag, value]] of entries.entries()) {
    bytes.writeBigInt64LE(BigInt(tag!), tableAt + 16 * i);
    bytes.writeBigUInt64LE(BigInt(value!), tableAt + 16 * i + 8);
  }
  writeFileSync(path, bytes);
}
