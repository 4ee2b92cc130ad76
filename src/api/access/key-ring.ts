import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Caller } from "./caller.js";
import type { KeyEntry } from "./key-entry.js";

const ID_BYTES = 6;
const SECRET_BYTES = 24;
const KEY = new RegExp(`^mrb_([0-9a-f]{${2 * ID_BYTES}})_([0-9a-f]{${2 * SECRET_BYTES}})$`);

/**
 * An API key, written `mrb_ID_SECRET`. People and secret scanners recognise a leaked key by its prefix; the id finds the
 * key's entry and may appear in logs; the secret (192 random bits) proves the key.
 */
export interface ApiKey {
  readonly id: string;
  readonly secret: string;
}

export function newApiKey(): ApiKey {
  return { id: randomBytes(ID_BYTES).toString("hex"), secret: randomBytes(SECRET_BYTES).toString("hex") };
}

/** Undefined for text that is not an API key. */
export function readApiKey(text: string): ApiKey | undefined {
  const [, id, secret] = KEY.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

export function writeApiKey({ id, secret }: ApiKey): string {
  return `mrb_${id}_${secret}`;
}

/** SHA-256. A slow hash protects passwords, which can be guessed; 192 random bits can't. */
export function hashSecret(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

/** Compared with if the id is unknown, so that the time taken does not reveal which ids exist. */
const NO_HASH = Buffer.alloc(32);

/** The API keys that are valid now. */
export class KeyRing {
  #byId: ReadonlyMap<string, KeyEntry> = new Map();

  constructor(entries: readonly KeyEntry[]) {
    this.replace(entries);
  }

  get size(): number {
    return this.#byId.size;
  }

  replace(entries: readonly KeyEntry[]): void {
    this.#byId = new Map(entries.map((entry) => [entry.id, entry]));
  }

  /** The owner of an API key; undefined if the key is not valid. */
  callerOf(text: string): Caller | undefined {
    const key = readApiKey(text);
    if (!key) return undefined;
    const entry = this.#byId.get(key.id);
    const isRight = timingSafeEqual(hashSecret(key.secret), entry?.hash ?? NO_HASH);
    return entry && isRight ? toCaller(entry) : undefined;
  }

  /** Signs a text on behalf of a caller; undefined if its key was withdrawn, and what it signed with it. */
  sign(callerId: string, text: string): string | undefined {
    const hash = this.#byId.get(callerId.slice(ID_PREFIX.length))?.hash;
    return hash && createHmac("sha256", hash).update(text).digest("base64url");
  }

  /** The secrets that sign a caller's webhooks, separated by a comma; undefined if there is none or the key was withdrawn. */
  webhookSecretsOf(callerId: string): string | undefined {
    return this.#byId.get(callerId.slice(ID_PREFIX.length))?.webhookSecret;
  }
}

const ID_PREFIX = "key-";

function toCaller({ id, name, isAdmin, imagesPerMinute, concurrentImages }: KeyEntry): Caller {
  const limits = {
    ...(imagesPerMinute !== undefined && { imagesPerMinute }),
    ...(concurrentImages !== undefined && { concurrentImages }),
  };
  return { id: `${ID_PREFIX}${id}`, name, isAdmin, isKnown: true, limits };
}
