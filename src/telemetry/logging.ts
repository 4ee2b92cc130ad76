import { type Level, type Logger, pino } from "pino";

/** Where lines go: `process.stderr` or a substitute. */
interface LogStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Logs JSON lines or, on a terminal, lines for people. */
export function openLogger(level: Level | "silent", stream: LogStream = process.stderr): Logger {
  const options = { level, base: null };
  const format = stream.isTTY ? formatLine : (line: string) => line;
  return pino(options, { write: (line: string) => stream.write(format(withoutSecrets(line))) });
}

/** Recognises secrets wherever a client put them, for example in an address. The id of a key stays, to find the key by. */
const SECRETS = /mrb(?:_|%5f)([0-9a-f]{12})(?:_|%5f)[0-9a-f]+|whsec(?:_|%5f)[A-Za-z0-9+/=%_-]+/gi;
/** Signs the address of an image that opens without a key. */
const SIGNATURES = /([?&]signature=)[A-Za-z0-9_-]+/g;

function withoutSecrets(line: string): string {
  return line
    .replace(SECRETS, (_, id?: string) => (id === undefined ? "[webhook secret]" : `[key ${id}]`))
    .replace(SIGNATURES, "$1[...]");
}

/** `12:00:01 WARN  message  job=1a2b`, followed by the stack of an error. */
export function formatLine(line: string): string {
  const { level, time, msg = "", err, ...fields } = JSON.parse(line);
  const clock = new Date(time).toTimeString().slice(0, 8);
  const name = pino.levels.labels[level]?.toUpperCase().padEnd(5);
  const details = Object.entries(fields).map(([key, value]) => `  ${key}=${showField(value)}`);
  return `${clock} ${name} ${msg}${details.join("")}\n${err?.stack ? `${err.stack}\n` : ""}`;
}

function showField(value: unknown): string {
  if (typeof value === "number") return String(Math.round(value * 100) / 100);
  return typeof value === "string" ? value : JSON.stringify(value);
}
