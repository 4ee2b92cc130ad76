import { expect } from "vitest";
import { generate } from "../commands/marimba.js";
import type { Ground } from "./ground.js";
import { exampleBody, hash, type Order, type Outcome } from "./orders.js";
import { note } from "./tally.js";

/** The images that an undisturbed server without Redis makes of the same requests. */
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
    const expected = await Promise.all(orders.map(({ body }) => this.images(body)));
    const pairs = outcomes.flatMap(({ images }, job) => images.map((image, index) => [image, expected[job]![index]]));
    note({
      accepted: outcomes.length,
      completed: outcomes.filter(({ state }) => state === "completed").length,
      lost: outcomes.filter(({ state, error }) => state !== "completed" && !error).length,
      images: pairs.length,
      differing: pairs.filter(([made, undisturbed]) => made !== undisturbed).length,
    });
    expect(outcomes).toEqual(expected.map((images) => ({ state: "completed", images })));
  }

  /** The answer is the only image of an undisturbed run, byte for byte. */
  async expectImage(body: Readonly<Record<string, unknown>>, answer: Response): Promise<void> {
    expect(answer.status).toBe(200);
    const made = hash(Buffer.from(await answer.arrayBuffer()));
    const undisturbed = await this.images(body);
    note({ accepted: 1, completed: 1, lost: 0, images: 1, differing: made === undisturbed[0] ? 0 : 1 });
    expect([made]).toEqual(undisturbed);
  }

  async #make(body: Readonly<Record<string, unknown>>): Promise<readonly string[]> {
    const answer = await generate(this.address, { ...body, response_format: "base64" }, { prefer: "wait=100" });
    const job = (await answer.json()) as { state: string; images: { base64: string }[] };
    if (job.state !== "completed") throw new Error(`The undisturbed run ended ${job.state}.`);
    return job.images.map(({ base64 }) => hash(Buffer.from(base64, "base64")));
  }
}
