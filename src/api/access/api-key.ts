import { createHash, randomBytes } from "node:crypto";

const ID_BYTES = 6;
const SECRET_BYTES = 24;
const KEY = new RegExp(`^mrb_([0-9a-f]{${2 * ID_BYTES}})_([0-9a-f]{${2 * SECRET_BYTES}})$`);

/**
 * An API key, written `mrb_ID_SECRET`: the prefix lets people and secret scanners know a key that leaked, the id finds
 * the key's entry and may stand in logs, the secret (192 random bits) proves it.
 */
export interface ApiKey {
  readonly id: string;
  readonly secret: string;
}

export function newApiKey(): ApiKey {
  return { id: randomBytes(ID_BYTES).toString("hex"), secret: randomBytes(SECRET_BYTES).toString("hex") };
}

/** Undefined for text that was never a key. */
export function readApiKey(text: string): ApiKey | undefined {
  const [, id, secret] = KEY.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

export function writeApiKey({ id, secret }: ApiKey): string {
  return `mrb_${id}_${secret}`;
}

/**
 * SHA-256, which is what is kept of a secret. A slow hash is for passwords, whose guesses are few; nobody guesses 192
 * random bits, and a fast one costs no request anything.
 */
export function hashSecret(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
