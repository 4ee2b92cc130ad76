import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { compareFolder, compareScheduleFile, type Parity, uncompared } from "../model/parity/parity.js";
import { formatReport } from "../model/parity/table.js";

const USAGE = `marimba parity DIR [--schedules FILE]

Imports the checkpoint in DIR and compares it with the reference recordings beside it, stage by stage.
Errors are relative to the recorded tensor's root mean square. Exits with 1 when one is above what is allowed.

  --schedules FILE   the reference's integer schedules (default: schedules.json in DIR or beside it)`;

/** Resolves with the exit status: 0 when every recording was compared and is within its tolerance. */
export async function runParity(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { schedules: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  const [folder, ...rest] = positionals;
  if (values.help || folder === undefined || rest.length > 0) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const parts: Parity[] = [];
  const show = (part: Parity) => {
    parts.push(part);
    console.log(`\n${part.title}\n${formatReport(part.report)}`);
  };
  try {
    for await (const part of compareFolder(folder)) show(part);
    const schedules = await findSchedules(folder, values.schedules);
    if (schedules) show(await compareScheduleFile(schedules));
    else console.log(`\nNot compared: integer schedules (no schedules.json in or beside ${folder}; see --schedules)`);
    for (const name of await uncompared(folder)) console.log(`\nNot compared: ${name} (no encode graph yet)`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
  return conclude(parts);
}

function conclude(parts: readonly Parity[]): number {
  const compared = parts.reduce((sum, part) => sum + part.report.compared, 0);
  const failed = parts.some((part) => part.report.failed);
  console.log(failed ? "\nParity FAILED." : `\nParity holds: ${compared} comparisons, each within what is allowed.`);
  return failed ? 1 : 0;
}

async function findSchedules(folder: string, stated: string | undefined): Promise<string | undefined> {
  if (stated !== undefined) return stated;
  for (const path of [join(folder, "schedules.json"), resolve(folder, "..", "schedules.json")]) {
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}
