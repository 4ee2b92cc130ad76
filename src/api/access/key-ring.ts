import { timingSafeEqual } from "node:crypto";
import { hashSecret, readApiKey } from "./api-key.js";
import type { KeyEntry } from "./key-entry.js";
import type { Principal } from "./principal.js";

/** Compared with where no entry has the id, so that an id that exists takes as long as one that doesn't. */
const NOBODYS_HASH = Buffer.alloc(32);

/** The API keys that are accepted now. */
export class KeyRing {
  #byId: ReadonlyMap<string, KeyEntry> = new Map();

  constructor(entries: readonly KeyEntry[]) {
    this.replace(entries);
  }

  get size(): number {
    return this.#byId.size;
  }

  /** From here on these are the keys, and no others. */
  replace(entries: readonly KeyEntry[]): void {
    this.#byId = new Map(entries.map((entry) => [entry.id, entry]));
  }

  /** Who holds this key; undefined where it is none of ours. */
  principalOf(text: string): Principal | undefined {
    const key = readApiKey(text);
    if (!key) return undefined;
    const entry = this.#byId.get(key.id);
    const isRight = timingSafeEqual(hashSecret(key.secret), entry?.hash ?? NOBODYS_HASH);
    return entry && isRight ? asPrincipal(entry) : undefined;
  }

  /** The secret that signs webhooks of a principal, while its key is accepted. */
  webhookSecretOf(principalId: string): string | undefined {
    return this.#byId.get(principalId.slice(ID_PREFIX.length))?.webhookSecret;
  }
}

const ID_PREFIX = "key-";

function asPrincipal({ id, name, isAdmin, imagesPerMinute, concurrentImages }: KeyEntry): Principal {
  const limits = {
    ...(imagesPerMinute !== undefined && { imagesPerMinute }),
    ...(concurrentImages !== undefined && { concurrentImages }),
  };
  return { id: `${ID_PREFIX}${id}`, name, isAdmin, isKnown: true, limits };
}
