import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer } from "./answers.js";
import { answer } from "./closed-loop.js";

export interface OpenLoad {
  readonly addresses: readonly string[];
  /** Milliseconds after the start at which each request is due, rising. */
  readonly dueMs: readonly number[];
  readonly body: (index: number) => unknown;
  readonly onAnswer?: (answer: Answer, index: number) => void;
}

/**
 * Sends each request when it is due, whatever became of those before: users don't wait for each other. Latency counts
 * from the due time, which corrects for coordinated omission.
 */
export async function runOpenLoop({ addresses, dueMs, body, onAnswer }: OpenLoad): Promise<Answer[]> {
  const agent = new Agent({ keepAlive: true });
  const startMs = performance.now();
  const answers: Promise<Answer>[] = [];
  for (const [index, due] of dueMs.entries()) {
    const waitMs = startMs + due - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    const address = addresses[index % addresses.length]!;
    const sent = post(`${address}/generate`, body(index), agent, startMs + due);
    answers.push(sent);
    if (onAnswer) void sent.then((one) => onAnswer(one, index));
  }
  const all = await Promise.all(answers);
  agent.destroy();
  return all;
}

/** A synchronous `POST /generate`; a connection that fails counts as status 0. */
export function post(url: string, body: unknown, agent: Agent, sinceMs = performance.now()): Promise<Answer> {
  return new Promise((resolve) => {
    const failed = () => resolve({ status: 0, latencyMs: performance.now() - sinceMs });
    const headers = { "content-type": "application/json", accept: "image/png" };
    const outgoing = request(url, { agent, method: "POST", headers }, (incoming) => {
      incoming.on("error", failed).resume();
      incoming.on("end", () => resolve(answer(incoming.statusCode!, performance.now() - sinceMs, incoming.headers)));
    });
    outgoing.on("error", failed).end(JSON.stringify(body));
  });
}

/** Due times at a fixed rate. */
export function constantArrivals(perSecond: number, seconds: number): number[] {
  return Array.from({ length: Math.round(perSecond * seconds) }, (_, i) => (i * 1000) / perSecond);
}

/** Due times of a Poisson process: independent exponential gaps, the same for the same seed. */
export function poissonArrivals(perSecond: number, seconds: number, seed: number): number[] {
  const random = mulberry32(seed);
  const due: number[] = [];
  for (let at = 0; ; ) {
    at += (-Math.log(1 - random()) * 1000) / perSecond;
    if (at > seconds * 1000) return due;
    due.push(at);
  }
}

/** A small seeded generator of numbers in [0, 1) (Tommy Ettinger's mulberry32). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
