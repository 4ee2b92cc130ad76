import type { Delivery, WebhookOutbox } from "../queue.js";
import { readRecord, type ViewReply } from "./replies.js";
import type { Scripts } from "./scripts.js";

/** Pending webhooks, in Redis (lua/webhook-outbox.lua). */
export class RedisWebhookOutbox implements WebhookOutbox {
  constructor(
    private readonly scripts: Scripts,
    private readonly answer: <T>(reply: Promise<T>) => Promise<T>,
  ) {}

  async take(count: number, leaseMs: number): Promise<Delivery[]> {
    const taken = (await this.answer(this.scripts.call("takeWebhooks", count, leaseMs))) as [ViewReply, number][];
    return taken.map(([reply, attempt]) => ({ record: readRecord(reply), attempt }));
  }

  async end(jobId: string): Promise<void> {
    await this.answer(this.scripts.call("endWebhook", jobId));
  }

  async postpone(jobId: string, delayMs: number, attempt: "used" | "unused"): Promise<void> {
    await this.answer(this.scripts.call("postponeWebhook", jobId, delayMs, attempt));
  }
}
