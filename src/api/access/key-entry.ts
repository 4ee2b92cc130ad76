import Type, { type TSchema } from "typebox";
import { Check } from "typebox/schema";
import { WEBHOOK_SECRET_ACCEPTS, WEBHOOK_SECRET_PATTERN } from "../../config.js";
import { describeSchema } from "../../validation/field-errors.js";

/** One line of the key file: `NAME ID sha256:HASH`, then settings such as `role=admin images_per_minute=600`. */

const count = Type.Integer({ minimum: 1, maximum: 1_000_000_000 });

/** The settings that may follow on a line. */
const SETTINGS = {
  role: Type.Union([Type.Literal("user"), Type.Literal("admin")]),
  images_per_minute: count,
  concurrent_images: count,
  webhook_secret: Type.String({ pattern: WEBHOOK_SECRET_PATTERN }),
} as const satisfies Record<string, TSchema>;
type SettingName = keyof typeof SETTINGS;

export interface KeyEntry {
  /** For logs and metrics. */
  readonly name: string;
  readonly id: string;
  /** SHA-256 of the key's secret. */
  readonly hash: Buffer;
  readonly isAdmin: boolean;
  readonly imagesPerMinute?: number;
  readonly concurrentImages?: number;
  /** Signs the key's webhooks; two secrets, separated by a comma, while it rotates. */
  readonly webhookSecret?: string;
}

export const KEY_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const ID = /^[0-9a-f]{12}$/;
const HASH = /^sha256:([0-9a-f]{64})$/;

/** A malformed key file: one sentence for each wrong line. Never contains a secret. */
export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
}

/** Reads lines, separated by line ends or semicolons; `#` begins a comment. `source` names them in `KeyFileError`. */
export function readKeyEntries(text: string, source: string): KeyEntry[] {
  const faults: string[] = [];
  const entries = new Map<string, KeyEntry>();
  for (const [at, line] of text.split(/\r?\n|;/).entries()) {
    const words = line.replace(/(^|\s)#.*$/, "").trim();
    if (words === "") continue;
    const entry = readLine(words.split(/\s+/));
    const fault = typeof entry === "string" ? entry : entries.has(entry.id) ? "its id appears twice" : undefined;
    if (fault !== undefined) faults.push(`${source}, line ${at + 1}: ${fault}.`);
    else entries.set((entry as KeyEntry).id, entry as KeyEntry);
  }
  if (faults.length > 0) throw new KeyFileError(faults.join("\n"));
  return [...entries.values()];
}

/** Returns the entry, or a sentence about what is wrong. */
function readLine([name = "", id = "", hash = "", ...settings]: readonly string[]): KeyEntry | string {
  const digest = HASH.exec(hash)?.[1];
  if (!KEY_NAME.test(name)) return "it must begin with a name (letters, digits, . _ -)";
  if (!ID.test(id) || digest === undefined) return "the name must be followed by a key's id and sha256:HASH";
  const values: Partial<Record<SettingName, unknown>> = {};
  for (const setting of settings) {
    const [key = "", ...rest] = setting.split("=");
    if (!Object.hasOwn(SETTINGS, key)) return `a setting must be one of ${Object.keys(SETTINGS).join(", ")}`;
    const known = key as SettingName;
    const text = rest.join("=");
    const value = SETTINGS[known] === count && /^\d{1,10}$/.test(text) ? Number(text) : text;
    // The value is not shown: it may be a secret.
    if (!Check(SETTINGS[known], value)) return `${key} must be ${describeSetting(known)}`;
    if (values[known] !== undefined) return `${key} appears twice`;
    values[known] = value;
  }
  return {
    name,
    id,
    hash: Buffer.from(digest, "hex"),
    isAdmin: values.role === "admin",
    ...(values.images_per_minute !== undefined && { imagesPerMinute: values.images_per_minute as number }),
    ...(values.concurrent_images !== undefined && { concurrentImages: values.concurrent_images as number }),
    ...(values.webhook_secret !== undefined && { webhookSecret: values.webhook_secret as string }),
  };
}

function describeSetting(name: SettingName): string {
  if (name === "webhook_secret") return WEBHOOK_SECRET_ACCEPTS;
  return describeSchema(SETTINGS[name]).replaceAll('"', "");
}

/** Writes a line for `readKeyEntries`. */
export function writeKeyEntry(entry: KeyEntry): string {
  const { name, id, hash, isAdmin, imagesPerMinute, concurrentImages, webhookSecret } = entry;
  const words = [name, id, `sha256:${hash.toString("hex")}`];
  if (isAdmin) words.push("role=admin");
  if (imagesPerMinute !== undefined) words.push(`images_per_minute=${imagesPerMinute}`);
  if (concurrentImages !== undefined) words.push(`concurrent_images=${concurrentImages}`);
  if (webhookSecret !== undefined) words.push(`webhook_secret=${webhookSecret}`);
  return words.join(" ");
}
