import { createHmac } from "node:crypto";

const PREFIX = "whsec_";

/**
 * A webhook's headers after Standard Webhooks 1.0 (standardwebhooks.com): its id, the same for every attempt; the
 * attempt's time in seconds; and the HMAC-SHA256 of id, time and body.
 */
export function signatureHeaders(secret: string, id: string, body: string, nowMs = Date.now()): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const key = Buffer.from(secret.slice(PREFIX.length), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` };
}
