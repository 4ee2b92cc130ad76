import { unwatchFile, watchFile } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { type Config, ConfigError } from "../../config.js";
import { isLoopback } from "../../telemetry/listening.js";
import { readKeyEntries } from "./key-entry.js";
import { KeyRing } from "./key-ring.js";

/** How often to check the file. Polling works on every file system and through symlinks. */
const LOOK_MS = 1000;
/** How long an empty file may be one that is being written. */
const WRITTEN_MS = 250;

/** The keys that a server accepts; absent: it requires none. */
export interface KeySource {
  readonly keys?: KeyRing;
  close(): void;
}

/**
 * Reads the configured API keys, and reads their file again when it changes and on SIGHUP. Throws `ConfigError`,
 * `KeyFileError` or a file system error; also if other machines can connect and there are neither keys nor
 * `ALLOW_ANONYMOUS`.
 */
export async function openKeys(config: Config, logger: Logger): Promise<KeySource> {
  const { apiKeysFile: file, apiKeys, host, allowAnonymous } = config;
  if (file !== undefined && apiKeys !== undefined) {
    throw new ConfigError(["API_KEYS and API_KEYS_FILE are both set; set only one of them."]);
  }
  if (file !== undefined) return followFile(file, logger);
  if (apiKeys !== undefined) return { keys: new KeyRing(readKeyEntries(apiKeys, "API_KEYS")), close: () => {} };
  if (isLoopback(host)) return { close: () => {} };
  if (allowAnonymous) {
    logger.warn(
      { host },
      "No API key is required (ALLOW_ANONYMOUS=true): everyone who can connect can create, see and cancel all jobs.",
    );
    return { close: () => {} };
  }
  const sentence =
    `HOST is ${host}, so other machines can connect, and there are no API keys: set API_KEYS_FILE (marimba key new ` +
    "creates keys), or ALLOW_ANONYMOUS=true to serve everyone.";
  throw new ConfigError([sentence]);
}

async function followFile(file: string, logger: Logger): Promise<KeySource> {
  const read = async () => {
    let text = await readFile(file, "utf8");
    if (text === "") {
      await sleep(WRITTEN_MS);
      text = await readFile(file, "utf8");
    }
    return readKeyEntries(text, file);
  };
  const keys = new KeyRing(await read());
  if (await isOpenToOthers(file)) {
    logger.warn(
      { file },
      "Other users can read or change the key file, which contains the secrets that sign webhooks; run chmod 600 on it.",
    );
  }
  if (keys.size === 0) logger.warn({ file }, "The key file contains no keys, so every request will be refused.");
  let isReading = Promise.resolve();
  const readAgain = () => {
    isReading = isReading.then(async () => {
      try {
        keys.replace(await read());
        logger.info({ file, keys: keys.size }, "Reloaded the API keys.");
      } catch (error) {
        logger.error(
          { file, reason: (error as Error).message },
          "Can't reload the API keys; the previous ones stay valid.",
        );
      }
    });
  };
  watchFile(file, { interval: LOOK_MS, persistent: false }, readAgain);
  process.on("SIGHUP", readAgain);
  const close = () => {
    unwatchFile(file, readAgain);
    process.off("SIGHUP", readAgain);
  };
  return { keys, close };
}

/** A file of another user, such as a container's mount, is not ours to protect. */
async function isOpenToOthers(file: string): Promise<boolean> {
  const { mode, uid } = await stat(file);
  return uid === process.getuid?.() && (mode & 0o077) !== 0;
}
