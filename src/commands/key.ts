import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { type KeyEntry, readKeyEntries, writeKeyEntry } from "../api/access/key-entry.js";
import { hashSecret, newApiKey, writeApiKey } from "../api/access/key-ring.js";
import { type KeyOptions, readKeyOptions } from "./key-options.js";

const USAGE = `marimba key: makes an API key

  marimba key new --name NAME
  marimba key new --name NAME --file api-keys

  --name NAME              what logs and metrics call its holder
  --role user|admin        an admin sees everybody's jobs and the operator's pages; user when absent
  --images-per-minute N    images that it may ask for within a minute; any number when absent
  --concurrent-images N    images of its jobs that may wait and run together; any number when absent
  --file FILE              adds the key's line to this file (API_KEYS_FILE), which is made where there is none
  --write-key FILE         writes the key into this new file, which its owner alone can read, and prints none
  --once                   does nothing where --file is there already

The key is shown this once: the line holds its hash, and the secret that signs its webhooks. A key is withdrawn by
taking its line out of the file.
`;

const WEBHOOK_SECRET_BYTES = 32;

/** Runs `marimba key`; returns the exit code. */
export async function runKey(argv: string[]): Promise<number> {
  const options = readKeyOptions(argv);
  if (!options) {
    process.stdout.write(USAGE);
    return 0;
  }
  const { file, writeKey, once } = options;
  if (once && existsSync(file!)) {
    process.stdout.write(`${file} is there already; nothing was changed.\n`);
    return 0;
  }
  const key = newApiKey();
  const entry = newEntry(options, key.id, hashSecret(key.secret));
  const line = `${writeKeyEntry(entry)}\n`;
  // The key first: should the process die in between, it opens nothing yet, and the next try writes another.
  if (writeKey !== undefined) await writeAlone(writeKey, `${writeApiKey(key)}\n`, once ? "w" : "wx");
  const namesakes = file === undefined ? [] : await addLine(file, line, entry.name);
  process.stdout.write(report(writeApiKey(key), line, entry, options));
  if (namesakes.length > 0) process.stderr.write(warnOf(namesakes, entry.name, file!));
  return 0;
}

function report(key: string, line: string, { webhookSecret }: KeyEntry, { file, writeKey }: KeyOptions): string {
  const where = `Its line was added to ${file}; servers that follow the file take it over.\n`;
  const lines = file === undefined ? `Its line for the key file:\n\n  ${line}\n` : where;
  if (writeKey !== undefined) return `The key is in ${writeKey}.\n${lines}`;
  return `The key, shown this once:\n\n  ${key}\n\n${lines}The secret that signs its webhooks:\n\n  ${webhookSecret}\n\n`;
}

/** Who gives its holder a new key wants both for a while; who took a name by mistake would not tell the two in a log. */
function warnOf(namesakes: readonly KeyEntry[], name: string, file: string): string {
  const ids = namesakes.map(({ id }) => id).join(", ");
  return (
    `${file} held a key named ${name} before (id ${ids}), which stays valid beside the new one until its line is taken ` +
    "out.\n"
  );
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

/** Adds a line to a key file, which must be one, and resolves with the keys of that name before. Throws `KeyFileError`. */
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

/** Writes a file that its owner alone can read. */
async function writeAlone(path: string, text: string, flags: "w" | "wx"): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
