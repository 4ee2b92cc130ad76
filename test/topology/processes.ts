import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

/** A process of the topology under load. */
export interface Started {
  readonly name: string;
  readonly pid: number;
  /** What it printed to standard output until it was ready. */
  readonly printed: string;
  /** SIGTERM, and SIGKILL to one that has not ended after `graceMs`. */
  stop(graceMs?: number): Promise<void>;
}

const STOP_MS = 30_000;
const KEPT_CHARACTERS = 4000;

/** Starts a process and waits until it has printed `ready`. Rejects with what it said when it ends before. */
export async function startProcess(
  name: string,
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  ready: RegExp,
): Promise<Started> {
  const child = spawn(command, args, { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
  // Whatever ends the load test ends what it started.
  const endWithParent = () => child.kill("SIGKILL");
  process.once("exit", endWithParent);
  const ended = once(child, "close").then(() => void process.off("exit", endWithParent));
  const printed = await untilPrinted(name, child, ready);
  return { name, pid: child.pid!, printed, stop: (graceMs = STOP_MS) => stop(child, ended, graceMs) };
}

function untilPrinted(name: string, child: ChildProcess, ready: RegExp): Promise<string> {
  let printed = "";
  let said = "";
  return new Promise((resolve, reject) => {
    child.on("error", (error) => reject(new Error(`${name} can't be started: ${error.message}`)));
    child.on("close", (code) => reject(new Error(`${name} ended with code ${code} before it was ready:\n${said}`)));
    child.stdout!.on("data", (text) => {
      said = (said + text).slice(-KEPT_CHARACTERS);
      if (ready.test(printed)) return;
      printed += text;
      if (ready.test(printed)) resolve(printed);
    });
    child.stderr!.on("data", (text) => {
      said = (said + text).slice(-KEPT_CHARACTERS);
    });
  });
}

async function stop(child: ChildProcess, ended: Promise<void>, graceMs: number): Promise<void> {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
  await ended;
  clearTimeout(timer);
}

/** Memory of a process that is not shared with the file cache, in MiB: proportional set size would need root. */
export function residentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)![1]) / 1024;
}

/** Processor time that a process has used so far, in seconds. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
