import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { generate } from "../commands/marimba.js";
import { note } from "./tally.js";

/** A request that a test makes, and the job that it became. */
export interface Order {
  readonly body: Readonly<Record<string, unknown>>;
  readonly id: string;
}

export interface Outcome {
  readonly state: string;
  readonly error?: { readonly code: string; readonly detail: string };
  /** Hash of each image's bytes. */
  readonly images: readonly string[];
}

const SETTLE_MS = 300_000;

/** The request with this number: all different in class, seed, steps, guidance and number of images. */
export function exampleBody(index: number): Record<string, unknown> {
  return {
    class: index % 5 === 4 ? null : index % 10,
    seed: 100 + index,
    steps: [16, 24, 32, 48][index % 4],
    guidance_scale: [1, 2, 3][index % 3],
    diffusion_steps: 150,
    num_images: index % 6 === 5 ? 3 : 1,
  };
}

/**
 * Posts a job and returns it once it is accepted; throws when it is not. Beside all that the test starts, a worker may
 * look away for so long that it counts as none.
 */
export async function order(address: string, body: Readonly<Record<string, unknown>>): Promise<Order> {
  for (let tries = 0; ; tries++) {
    const answer = await generate(address, body, { prefer: "respond-async" });
    const { id, code } = (await answer.json()) as { id: string; code?: string };
    if (answer.status === 202) return { body, id };
    if (code !== "no_worker" || tries === 50) throw new Error(`Not accepted: ${answer.status} ${code}`);
    await sleep(100);
  }
}

/** Posts so many of the example requests at once. */
export function orderMany(address: string, count: number, first = 0): Promise<Order[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => order(address, exampleBody(first + index))));
}

/**
 * What became of each job, however often the way to it is broken meanwhile. Asks for one after another, so that the
 * questions take little time from the work. Throws when one does not end in time.
 */
export async function settle(address: string, orders: readonly Order[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { id } of orders) outcomes.push(await settleOne(address, id));
  return outcomes;
}

async function settleOne(address: string, id: string): Promise<Outcome> {
  const endMs = performance.now() + SETTLE_MS;
  let last = "";
  while (performance.now() < endMs) {
    try {
      const answer = await fetch(`${address}/jobs/${id}?response_format=base64`);
      last = await answer.text();
      if (answer.status === 404 || answer.status === 410) throw lost(`The job ${id} is gone: ${last}`);
      const job = answer.status === 200 ? JSON.parse(last) : undefined;
      if (job && job.state !== "queued" && job.state !== "running") {
        const images = job.images.map(({ base64 }: { base64: string }) => hash(Buffer.from(base64, "base64")));
        return { state: job.state, images, ...(job.error && { error: job.error }) };
      }
    } catch (error) {
      if (error instanceof Lost) throw error;
      last = String(error);
    }
    await sleep(100);
  }
  throw lost(`The job ${id} did not end: ${last}`);
}

class Lost extends Error {}

function lost(message: string): Lost {
  note({ accepted: 1, completed: 0, lost: 1, images: 0, differing: 0 });
  return new Lost(message);
}

export const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

/** Resolves once one of these jobs has been worked on for at least a step. */
export async function untilUnderWay(address: string, orders: readonly Order[]): Promise<void> {
  for (;;) {
    let done = 0;
    for (const { id } of orders) {
      const job = (await (await fetch(`${address}/jobs/${id}`)).json()) as { state: string; progress?: unknown };
      if (job.state === "running" && job.progress) return;
      if (job.state === "completed") done++;
    }
    if (done === orders.length) throw new Error("The jobs are too short for this test: all are done already.");
    await sleep(20);
  }
}
