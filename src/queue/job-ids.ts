import { createHmac, randomBytes } from "node:crypto";

const RANDOM_BYTES = 12;
const SIGNATURE_BYTES = 8;
const ID = new RegExp(`^job_([0-9a-f]{${2 * RANDOM_BYTES}})([0-9a-f]{${2 * SIGNATURE_BYTES}})$`);

/** Signed job ids: a queue recognises the ids that it issued without keeping a list. */
export class JobIds {
  /** Queues that share the secret recognise each other's ids. */
  constructor(private readonly secret: Uint8Array = randomBytes(32)) {}

  next(): string {
    const random = randomBytes(RANDOM_BYTES).toString("hex");
    return `job_${random}${this.#signature(random)}`;
  }

  /** Whether the id came from `next`, here or wherever the secret is shared. */
  isOwn(id: string): boolean {
    const [, random, signature] = ID.exec(id) ?? [];
    return random !== undefined && signature === this.#signature(random);
  }

  #signature(random: string): string {
    return createHmac("sha256", this.secret)
      .update(random)
      .digest("hex")
      .slice(0, 2 * SIGNATURE_BYTES);
  }
}
