import { type KeyEntry, writeKeyEntry } from "../../../src/api/access/key-entry.js";
import { hashSecret, KeyRing, newApiKey, writeApiKey } from "../../../src/api/access/key-ring.js";

export interface ExampleKey {
  /** What a client sends. */
  readonly key: string;
  readonly entry: KeyEntry;
  /** Its line in a key file. */
  readonly line: string;
  readonly headers: { readonly authorization: string };
}

export function exampleKey(name: string, settings: Partial<KeyEntry> = {}): ExampleKey {
  const { id, secret } = newApiKey();
  const entry = { name, id, hash: hashSecret(secret), isAdmin: false, ...settings };
  const key = writeApiKey({ id, secret });
  return { key, entry, line: writeKeyEntry(entry), headers: { authorization: `Bearer ${key}` } };
}

export function ringOf(...keys: readonly ExampleKey[]): KeyRing {
  return new KeyRing(keys.map(({ entry }) => entry));
}
