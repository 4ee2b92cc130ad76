import type { Delivery, DeliveryQueue } from "../queue.js";
import { readRecord, type ViewReply } from "./replies.js";
import type { Scripts } from "./scripts.js";

/** Ends of jobs that are to be told to webhooks, in Redis (lua/deliveries.lua). */
export class Deliveries implements DeliveryQueue {
  constructor(
    private readonly scripts: Scripts,
    private readonly answer: <T>(reply: Promise<T>) => Promise<T>,
  ) {}

  async take(count: number, leaseMs: number): Promise<Delivery[]> {
    const taken = (await this.answer(this.scripts.call("deliver", count, leaseMs))) as [ViewReply, number][];
    return taken.map(([reply, attempt]) => ({ record: readRecord(reply), attempt }));
  }

  async end(jobId: string): Promise<void> {
    await this.answer(this.scripts.call("delivered", jobId, "", ""));
  }

  async postpone(jobId: string, delayMs: number, attempt: "used" | "unused"): Promise<void> {
    await this.answer(this.scripts.call("delivered", jobId, delayMs, attempt));
  }
}
