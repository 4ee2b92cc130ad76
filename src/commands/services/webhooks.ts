import type { Logger } from "pino";
import type { KeyRing } from "../../api/access/key-ring.js";
import type { Principal } from "../../api/access/principal.js";
import type { ApiDeps } from "../../api/deps.js";
import { jobResource } from "../../api/resources/job-resource.js";
import type { Config } from "../../config.js";
import { VERSION } from "../../files/package.js";
import type { ModelRegistry } from "../../model/registry.js";
import type { WebhookOutbox } from "../../queue/queue.js";
import { Deliverer } from "../../webhooks/deliverer.js";
import { readTarget, type TargetPolicy, TargetRefused } from "../../webhooks/target.js";

export interface WebhookParts {
  readonly config: Config;
  readonly queue: WebhookOutbox;
  readonly models: ModelRegistry;
  readonly keys: KeyRing | undefined;
  readonly logger: Logger;
}

/** What an API process needs to take webhooks on, and to deliver those of any process. */
export interface Webhooks {
  readonly acceptance: NonNullable<ApiDeps["webhooks"]>;
  readonly deliverer: Deliverer;
}

export function openWebhooks({ config, queue, models, keys, logger }: WebhookParts): Webhooks {
  const policy = { allowPrivate: config.webhookAllowPrivate === 1, allowHosts: config.webhookAllowHosts };
  // Without keys all callers are one; with them, a key that is withdrawn takes its secret along.
  const secretOf = (caller: string) => (keys ? keys.webhookSecretOf(caller) : config.webhookSecret);
  const deliverer = new Deliverer({
    queue,
    policy,
    secretOf,
    maxAttempts: config.webhookAttempts,
    firstDelayMs: config.webhookRetryMs,
    describe: (record) => jobResource(record, models),
    userAgent: `Marimba/${VERSION}`,
    logger,
  });
  const refusal = (url: string, { id }: Principal) =>
    secretOf(id) === undefined
      ? `needs a secret to sign with: ${WHERE[keys ? "keys" : "none"]}`
      : targetRefusal(url, policy);
  return { acceptance: { refusal }, deliverer };
}

const WHERE = {
  keys: "this API key has none (webhook_secret in the key file)",
  none: "this server has none (WEBHOOK_SECRET)",
};

function targetRefusal(url: string, policy: TargetPolicy): string | undefined {
  try {
    readTarget(url, policy);
    return undefined;
  } catch (error) {
    if (error instanceof TargetRefused) return error.message;
    throw error;
  }
}
