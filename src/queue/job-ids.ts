import { createHmac, randomBytes } from "node:crypto";

const RANDOM_BYTES = 12;
const SIGNATURE_BYTES = 8;
const ID = new RegExp(`^job_([0-9a-f]{${2 * RANDOM_BYTES}})([0-9a-f]{${2 * SIGNATURE_BYTES}})$`);

/** Signed job ids: a queue recognises the ids that it issued without keeping a list. */
export class JobIds {
  /** Those that `renew` replaced. */
  readonly #earlier: Uint8Array[] = [];

  /** Queues that share the secret recognise each other's ids. */
  constructor(private secret: Uint8Array = randomBytes(32)) {}

  /** Signs with this secret from now on. */
  renew(secret: Uint8Array): void {
    if (Buffer.compare(secret, this.secret) === 0) return;
    this.#earlier.push(this.secret);
    this.secret = secret;
  }

  next(): string {
    const random = randomBytes(RANDOM_BYTES).toString("hex");
    return `job_${random}${signatureOf(random, this.secret)}`;
  }

  /** Whether the id came from `next`, here or wherever the secret is shared. */
  isOwn(id: string): boolean {
    return isSignedWith(this.secret, id);
  }

  /** Whether the id came from `next` before the secret was renewed. */
  wasOwn(id: string): boolean {
    return this.#earlier.some((secret) => isSignedWith(secret, id));
  }
}

function isSignedWith(secret: Uint8Array, id: string): boolean {
  const [, random, signature] = ID.exec(id) ?? [];
  return random !== undefined && signature === signatureOf(random, secret);
}

function signatureOf(random: string, secret: Uint8Array): string {
  return createHmac("sha256", secret)
    .update(random)
    .digest("hex")
    .slice(0, 2 * SIGNATURE_BYTES);
}
