import { KEY_NAME } from "../api/access/key-entry.js";
import { readArguments } from "./arguments.js";
import { UsageError } from "./command-line.js";

export interface KeyOptions {
  readonly name: string;
  readonly isAdmin: boolean;
  readonly imagesPerMinute?: number;
  readonly concurrentImages?: number;
  readonly file?: string;
  readonly writeKey?: string;
  readonly once: boolean;
}

/** Reads the command line; nothing where help is asked for. Throws `UsageError`. */
export function readKeyOptions(argv: string[]): KeyOptions | undefined {
  const { values, positionals } = readArguments({
    args: argv,
    allowPositionals: true,
    options: {
      help: { type: "boolean" },
      name: { type: "string" },
      role: { type: "string" },
      "images-per-minute": { type: "string" },
      "concurrent-images": { type: "string" },
      file: { type: "string" },
      "write-key": { type: "string" },
      once: { type: "boolean" },
    },
  });
  if (values.help) return undefined;
  if (positionals.join(" ") !== "new") throw new UsageError("Say what to do: marimba key new --name NAME.");
  const { name, role = "user", file, once = false } = values;
  if (name === undefined || !KEY_NAME.test(name)) {
    throw new UsageError("--name must be 1 to 64 letters, digits, ., _ or -: who the key is for.");
  }
  if (role !== "user" && role !== "admin") throw new UsageError("--role must be user or admin.");
  if (once && file === undefined) throw new UsageError("--once needs --file: the file that may be there already.");
  const imagesPerMinute = readCount("images-per-minute", values["images-per-minute"]);
  const concurrentImages = readCount("concurrent-images", values["concurrent-images"]);
  return {
    name,
    isAdmin: role === "admin",
    once,
    ...(file !== undefined && { file }),
    ...(values["write-key"] !== undefined && { writeKey: values["write-key"] }),
    ...(imagesPerMinute !== undefined && { imagesPerMinute }),
    ...(concurrentImages !== undefined && { concurrentImages }),
  };
}

function readCount(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new UsageError(`--${option} must be a number of images from 1 to 999999999.`);
}
