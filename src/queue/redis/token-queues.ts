import type { Queue } from "bullmq";
import type { Logger } from "pino";
import { connect } from "../redis-connection/connection.js";
import { Tokens } from "./leases.js";
import { queueName } from "./replies.js";

/** BullMQ's queues of tokens, for those who want to look at them. */
export interface TokenQueues {
  readonly queues: readonly Queue[];
  close(): Promise<void>;
}

export function openTokenQueues(
  options: { readonly redisUrl: string; readonly redisPrefix: string },
  models: readonly string[],
  logger: Logger,
): TokenQueues {
  const client = connect(options.redisUrl, { maxRetriesPerRequest: 1, commandTimeout: 5000 });
  client.on("error", (error) => logger.debug({ err: error }, "The board's connection to Redis has an error."));
  const tokens = new Tokens(client, options.redisPrefix, logger);
  return {
    queues: models.map((model) => tokens.queue(queueName(model))),
    async close() {
      await tokens.close();
      client.disconnect();
    },
  };
}
