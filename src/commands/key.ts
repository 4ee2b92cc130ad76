import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { KEY_NAME, type KeyEntry, readKeyEntries, writeKeyEntry } from "../api/access/key-entry.js";
import { hashSecret, newApiKey, writeApiKey } from "../api/access/key-ring.js";
import { readArguments, UsageError } from "./command-line.js";

export const usage = `marimba key: creates an API key

  marimba key new --name NAME
  marimba key new --name NAME --file api-keys

  --name NAME              the caller's name in logs and metrics
  --role user|admin        an admin sees every caller's jobs and the operator's pages (default: user)
  --images-per-minute N    images it may request per minute (default: no limit)
  --concurrent-images N    images of its jobs that may wait and run at once (default: no limit)
  --file FILE              add the key's line to this file (API_KEYS_FILE); the file is created if missing
  --write-key FILE         write the key to this new file, readable only by its owner, and don't print it
  --once                   do nothing if --file already exists

The key is shown only once: its line holds a hash of it, and the secret that signs its webhooks. To revoke a key, remove its
line from the file.
`;

interface KeyOptions {
  readonly name: string;
  readonly isAdmin: boolean;
  readonly imagesPerMinute?: number;
  readonly concurrentImages?: number;
  readonly file?: string;
  readonly writeKey?: string;
  readonly once: boolean;
}

const WEBHOOK_SECRET_BYTES = 32;

/** Runs `marimba key`; returns the exit code. */
export async function run(argv: string[]): Promise<number> {
  const options = readOptions(argv);
  const { file, writeKey, once } = options;
  if (once && existsSync(file!)) {
    process.stdout.write(`${file} already exists; nothing was changed.\n`);
    return 0;
  }
  const key = newApiKey();
  const entry = newEntry(options, key.id, hashSecret(key.secret));
  const line = `${writeKeyEntry(entry)}\n`;
  // The key first: if the process dies in between, that key opens nothing yet, and the next run writes another.
  if (writeKey !== undefined) await writePrivate(writeKey, `${writeApiKey(key)}\n`, once ? "w" : "wx");
  const namesakes = file === undefined ? [] : await addLine(file, line, entry.name);
  process.stdout.write(report(writeApiKey(key), line, entry, options));
  if (namesakes.length > 0) process.stderr.write(namesakeWarning(namesakes, entry.name, file!));
  return 0;
}

/** Throws `UsageError`. */
function readOptions(argv: string[]): KeyOptions {
  const { values, positionals } = readArguments({
    args: argv,
    allowPositionals: true,
    options: {
      name: { type: "string" },
      role: { type: "string" },
      "images-per-minute": { type: "string" },
      "concurrent-images": { type: "string" },
      file: { type: "string" },
      "write-key": { type: "string" },
      once: { type: "boolean" },
    },
  });
  if (positionals.join(" ") !== "new") throw new UsageError("Usage: marimba key new --name NAME.");
  const { name, role = "user", file, "write-key": writeKey, once = false } = values;
  if (name === undefined || !KEY_NAME.test(name)) {
    throw new UsageError("--name must be 1 to 64 letters, digits, ., _ or -: the caller that the key is for.");
  }
  if (role !== "user" && role !== "admin") throw new UsageError("--role must be user or admin.");
  if (once && file === undefined) throw new UsageError("--once needs --file: the file that may already exist.");
  const imagesPerMinute = readCount("images-per-minute", values["images-per-minute"]);
  const concurrentImages = readCount("concurrent-images", values["concurrent-images"]);
  return {
    name,
    isAdmin: role === "admin",
    once,
    ...(file !== undefined && { file }),
    ...(writeKey !== undefined && { writeKey }),
    ...(imagesPerMinute !== undefined && { imagesPerMinute }),
    ...(concurrentImages !== undefined && { concurrentImages }),
  };
}

function readCount(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new UsageError(`--${option} must be a number of images from 1 to 999999999.`);
}

function newEntry(options: KeyOptions, id: string, hash: Buffer): KeyEntry {
  const { name, isAdmin, imagesPerMinute, concurrentImages } = options;
  return {
    name,
    id,
    hash,
    isAdmin,
    ...(imagesPerMinute !== undefined && { imagesPerMinute }),
    ...(concurrentImages !== undefined && { concurrentImages }),
    webhookSecret: `whsec_${randomBytes(WEBHOOK_SECRET_BYTES).toString("base64")}`,
  };
}

function report(key: string, line: string, { webhookSecret }: KeyEntry, { file, writeKey }: KeyOptions): string {
  const added = `Its line was added to ${file}; servers that follow the file accept it at once.\n`;
  const lines = file === undefined ? `Its line for the key file:\n\n  ${line}\n` : added;
  if (writeKey !== undefined) return `The key is in ${writeKey}.\n${lines}`;
  return `The key, shown only once:\n\n  ${key}\n\n${lines}The secret that signs its webhooks:\n\n  ${webhookSecret}\n\n`;
}

/** Rotating a key needs two of one name for a while; a name chosen twice by mistake makes two callers one in the logs. */
function namesakeWarning(namesakes: readonly KeyEntry[], name: string, file: string): string {
  const ids = namesakes.map(({ id }) => id).join(", ");
  return `${file} already held a key named ${name} (id ${ids}); it stays valid until its line is removed.\n`;
}

/** Adds a line to a key file and resolves with the keys of that name before. Throws `KeyFileError` if it holds anything else. */
async function addLine(path: string, line: string, name: string): Promise<KeyEntry[]> {
  const file = await open(path, "a+", 0o600);
  try {
    const before = await file.readFile("utf8");
    const entries = readKeyEntries(before, path);
    await file.appendFile(before === "" || before.endsWith("\n") ? line : `\n${line}`);
    await file.sync();
    return entries.filter((entry) => entry.name === name);
  } finally {
    await file.close();
  }
}

/** Writes a file that only its owner can read. */
async function writePrivate(path: string, text: string, flags: "w" | "wx"): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
