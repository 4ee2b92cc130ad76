import { expect } from "vitest";
import { generate } from "../commands/marimba.js";
import type { Ground } from "./ground.js";
import { exampleBody, hash, type Order, type Outcome } from "./orders.js";

/** The pictures that an undisturbed server without Redis makes of the same requests. */
export class Undisturbed {
  readonly #images = new Map<string, Promise<readonly string[]>>();

  private constructor(private readonly address: string) {}

  static async open(ground: Ground): Promise<Undisturbed> {
    const server = ground.start("serve", [], { REDIS_URL: "" });
    await server.prints(/^Ready/m);
    return new Undisturbed(await server.address());
  }

  /** Makes them all now, so that the server does not work beside those under test. */
  async prepare(count: number): Promise<void> {
    for (let index = 0; index < count; index++) await this.images(exampleBody(index));
  }

  images(body: Readonly<Record<string, unknown>>): Promise<readonly string[]> {
    const key = JSON.stringify(body);
    const images = this.#images.get(key) ?? this.#make(body);
    this.#images.set(key, images);
    return images;
  }

  /** Every job completed, with the very bytes of an undisturbed run. */
  async expectAll(orders: readonly Order[], outcomes: readonly Outcome[]): Promise<void> {
    for (const [i, outcome] of outcomes.entries()) {
      expect(outcome).toEqual({ state: "completed", images: await this.images(orders[i]!.body) });
    }
  }

  async #make(body: Readonly<Record<string, unknown>>): Promise<readonly string[]> {
    const answer = await generate(this.address, { ...body, response_format: "base64" }, { prefer: "wait=100" });
    const job = (await answer.json()) as { state: string; images: { base64: string }[] };
    if (job.state !== "completed") throw new Error(`The undisturbed run ended ${job.state}.`);
    return job.images.map(({ base64 }) => hash(Buffer.from(base64, "base64")));
  }
}
