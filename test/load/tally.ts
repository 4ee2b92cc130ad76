import { setTimeout as sleep } from "node:timers/promises";

export interface JobAnswer {
  readonly id: string;
  readonly state: string;
}

const FINAL = ["completed", "failed", "cancelled"];

/** A client that counts what it asked for and what it was answered: nothing that it does is left out. */
export class Tally {
  readonly statuses = new Map<string, number>();
  readonly problems = new Map<string, number>();
  readonly ended = new Map<string, number>();
  accepted = 0;
  /** Of completed jobs: images, and their autoregressive steps. */
  images = 0;
  steps = 0;
  servedBytes = 0;

  constructor(private readonly address: string) {}

  /** One request; its answer is counted whatever it is. */
  async ask(method: string, path: string, body?: unknown, accept = "application/json"): Promise<Response> {
    const answer = await fetch(this.address + path, {
      method,
      headers: { accept, ...(body !== undefined && { "content-type": "application/json" }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    count(this.statuses, String(answer.status));
    const type = answer.headers.get("content-type") ?? "";
    if (type.startsWith("application/problem+json")) count(this.problems, JSON.parse(bytes.toString()).code);
    if (type === "image/png") this.servedBytes += bytes.byteLength;
    return new Response(answer.status === 204 ? null : bytes, { status: answer.status, headers: answer.headers });
  }

  /** An image that is waited for. */
  async image(body: { readonly steps: number }): Promise<void> {
    const answer = await this.ask("POST", "/generate", body, "image/png");
    if (answer.status === 200) this.#end("completed", 1, body.steps);
    else if (answer.status === 504) this.#end("failed", 1, body.steps);
  }

  /** A job; undefined where it was refused. */
  async job(body: object): Promise<JobAnswer | undefined> {
    const answer = await this.ask("POST", "/generate", body);
    return answer.status === 202 ? ((await answer.json()) as JobAnswer) : undefined;
  }

  /** Asks for a job until it has ended, and counts how. */
  async follow({ id }: JobAnswer, images: number, steps: number): Promise<string> {
    for (;;) {
      const { state } = (await (await this.ask("GET", `/jobs/${id}`)).json()) as JobAnswer;
      if (FINAL.includes(state)) {
        this.#end(state, images, steps);
        return state;
      }
      await sleep(20);
    }
  }

  #end(state: string, images: number, steps: number): void {
    this.accepted++;
    count(this.ended, state);
    if (state !== "completed") return;
    this.images += images;
    this.steps += images * steps;
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

export function sumOf(
  tallies: readonly Tally[],
  read: (tally: Tally) => ReadonlyMap<string, number>,
): Map<string, number> {
  const sums = new Map<string, number>();
  for (const tally of tallies) for (const [name, value] of read(tally)) sums.set(name, (sums.get(name) ?? 0) + value);
  return sums;
}
