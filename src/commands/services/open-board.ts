import type { BaseAdapter } from "@bull-board/api/baseAdapter";
import type { Logger } from "pino";
import type { Config } from "../../config.js";
import type { ModelRegistry } from "../../model/registry.js";

/** BullMQ's queues as its board shows them. */
export interface QueueBoard {
  readonly queues: readonly BaseAdapter[];
  close(): Promise<void>;
}

/** What an operator must know to read it. */
const DESCRIPTION =
  "Tokens: one for each image that waits (waiting) and one for each busy lane of a worker (active). Which image is made is " +
  "decided when a worker takes a token. Jobs, totals and workers are at /admin/queue.";

/**
 * The board, where there is a Redis; its code is loaded there only. It is for looking: tokens that are missing or too many
 * are mended by the sweep, so whatever is done to them here would only fight it. Pausing and draining are `marimba queue`'s.
 */
export async function openBoard(
  { redisUrl, redisPrefix }: Config,
  models: ModelRegistry,
  logger: Logger,
): Promise<QueueBoard | undefined> {
  if (redisUrl === undefined) return undefined;
  const [{ BullMQAdapter }, { openTokenQueues }] = await Promise.all([
    import("@bull-board/api/bullMQAdapter"),
    import("../../queue/redis/token-queues.js"),
  ]);
  const names = models.list().map(({ name }) => name);
  const tokens = openTokenQueues({ redisUrl, redisPrefix }, names, logger);
  const options = { readOnlyMode: true, allowRetries: false, description: DESCRIPTION };
  return { queues: tokens.queues.map((queue) => new BullMQAdapter(queue, options)), close: () => tokens.close() };
}
