import { unwatchFile, watchFile } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { type Config, ConfigError } from "../../config.js";
import { isLoopback } from "../../telemetry/listening.js";
import { readKeyEntries } from "./key-entry.js";
import { KeyRing } from "./key-ring.js";

/** How often the file is looked at. Its state is asked for, which works on every file system and through symlinks. */
const LOOK_MS = 1000;
/** How long a file that is empty may be one that is being written. */
const WRITTEN_MS = 250;

/** The keys that a server accepts; absent: it asks for none. */
export interface KeySource {
  readonly keys?: KeyRing;
  close(): void;
}

/**
 * Opens the keys that the configuration names, and follows their file as it changes and on SIGHUP. Throws `ConfigError`
 * or `KeyFileError`, and what the file system throws; also where others can connect and there are neither keys nor leave
 * to do without.
 */
export async function openKeys(config: Config, logger: Logger): Promise<KeySource> {
  const { apiKeysFile: file, apiKeys, host, allowAnonymous } = config;
  if (file !== undefined && apiKeys !== undefined) {
    throw new ConfigError(["API_KEYS and API_KEYS_FILE are both set; set one of them."]);
  }
  if (file !== undefined) return followFile(file, logger);
  if (apiKeys !== undefined) return { keys: new KeyRing(readKeyEntries(apiKeys, "API_KEYS")), close: () => {} };
  if (isLoopback(host)) return { close: () => {} };
  if (allowAnonymous === 1) {
    logger.warn(
      { host },
      "No key is asked for (ALLOW_ANONYMOUS=1): whoever can connect sees, makes and cancels all jobs.",
    );
    return { close: () => {} };
  }
  const sentence =
    `HOST is ${host}, where others can connect, and there are no API keys: set API_KEYS_FILE (marimba key new makes ` +
    "keys), or ALLOW_ANONYMOUS=1 to serve whoever comes.";
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
      "Others can read the key file, or change it, and its secrets sign webhooks: chmod 600 makes it private.",
    );
  }
  if (keys.size === 0) logger.warn({ file }, "The key file holds no keys: nobody can ask for anything yet.");
  let isReading = Promise.resolve();
  const readAgain = () => {
    isReading = isReading.then(async () => {
      try {
        keys.replace(await read());
        logger.info({ file, keys: keys.size }, "The API keys were read again.");
      } catch (error) {
        logger.error(
          { file, reason: (error as Error).message },
          "The API keys can't be read; those before stay valid.",
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

/** A file of another user is none of ours to close: a container's mount, say, which is there to be read. */
async function isOpenToOthers(file: string): Promise<boolean> {
  const { mode, uid } = await stat(file);
  return uid === process.getuid?.() && (mode & 0o077) !== 0;
}
