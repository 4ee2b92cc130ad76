import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Redis } from "ioredis";

const RANDOM_BYTES = 12;
const SIGNATURE_BYTES = 6;
const ID = new RegExp(`^job_([0-9a-f]{${2 * RANDOM_BYTES}})([0-9a-f]{${2 * SIGNATURE_BYTES}})$`);

/** Ids that carry a signature: of an id without a job it can be told whether this queue ever gave it out. */
export class JobIds {
  constructor(private readonly secret: Buffer) {}

  /** The secret is kept in Redis, so that every process of the queue signs alike. */
  static async open(client: Redis, redisPrefix: string): Promise<JobIds> {
    const key = `${redisPrefix}::secret`;
    await client.set(key, randomBytes(32).toString("hex"), "NX");
    return new JobIds(Buffer.from((await client.get(key))!, "hex"));
  }

  newId(): string {
    const random = randomBytes(RANDOM_BYTES).toString("hex");
    return `job_${random}${this.#sign(random).toString("hex")}`;
  }

  isOurs(id: string): boolean {
    const parts = ID.exec(id);
    return parts !== null && timingSafeEqual(this.#sign(parts[1]!), Buffer.from(parts[2]!, "hex"));
  }

  #sign(random: string): Buffer {
    return createHmac("sha256", this.secret).update(random).digest().subarray(0, SIGNATURE_BYTES);
  }
}
