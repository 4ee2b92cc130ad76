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
  "One lease for each image. Active and failed leases name their job, image, class, seed, caller and request; " +
  "which image a waiting lease is for is decided when a worker takes it. Read-only: a failed job has been answered, so " +
  "retrying its lease would have no effect; submit the job again. Pause, resume and drain with `marimba queue`. " +
  "Totals and workers are at /admin/queue.";

/**
 * The board, where there is a Redis; its code is loaded there only. It is read-only: the sweep adds and removes leases to
 * fit the images, so a change here would not last.
 */
export async function openBoard(
  { redisUrl, redisPrefix }: Config,
  models: ModelRegistry,
  logger: Logger,
): Promise<QueueBoard | undefined> {
  if (redisUrl === undefined) return undefined;
  const [{ BullMQAdapter }, { openLeaseQueues }] = await Promise.all([
    import("@bull-board/api/bullMQAdapter"),
    import("../../queue/redis/leases.js"),
  ]);
  const names = models.list().map(({ name }) => name);
  const leases = openLeaseQueues({ redisUrl, redisPrefix }, names, logger);
  const options = { readOnlyMode: true, allowRetries: false, description: DESCRIPTION };
  return { queues: leases.queues.map((queue) => new BullMQAdapter(queue, options)), close: () => leases.close() };
}
