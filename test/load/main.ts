// npm run load: what Marimba carries, what batching brings, and how it stands too much of it.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { busyWarning, describeMachine } from "../../bench/machine.js";
import { openModelFolder } from "../../bench/model-folder.js";
import { readArguments } from "../../src/commands/command-line.js";
import type { Scenario } from "./scenario.js";
import { batching } from "./scenarios/batching.js";
import { edits } from "./scenarios/edits.js";
import { leftovers } from "./scenarios/leftovers.js";
import { metrics } from "./scenarios/metrics.js";
import { nullEngine } from "./scenarios/null-engine.js";
import { overload } from "./scenarios/overload.js";
import { streams } from "./scenarios/streams.js";
import { throughRedis } from "./scenarios/through-redis.js";
import { topologies } from "./scenarios/topologies.js";

const SCENARIOS: Readonly<Record<string, { readonly says: string; readonly run: Scenario }>> = {
  null: { says: "what the service carries without an engine, beside a bare skeleton", run: nullEngine },
  redis: { says: "images a second through Redis, beside the bare engine", run: throughRedis },
  edits: { says: "images a second with and without edits among them", run: edits },
  batching: { says: "continuous batching beside static, Poisson arrivals", run: batching },
  overload: { says: "three times the sustainable load", run: overload },
  topologies: { says: "embedded, 1 API + 1 worker, 2 + 2: closed loop, fixed rate, Poisson", run: topologies },
  leftovers: { says: "what ten thousand jobs leave in Redis", run: leftovers },
  metrics: { says: "what the service tells Prometheus beside what its clients counted", run: metrics },
  streams: { says: "two thousand open event streams", run: streams },
};

const USAGE = `npm run load: load tests on processes of their own

  npm run load -- [SCENARIO ...] [--quick]

${Object.entries(SCENARIOS)
  .map(([name, { says }]) => `  ${name.padEnd(11)} ${says}`)
  .join("\n")}

All of them without a name. --quick shortens each, to see that it works.
`;

async function main(): Promise<number> {
  const { values, positionals } = readArguments({
    args: process.argv.slice(2),
    allowPositionals: true,
    options: { quick: { type: "boolean", default: false }, help: { type: "boolean", default: false } },
  });
  const unknown = positionals.find((name) => !Object.hasOwn(SCENARIOS, name));
  if (values.help || unknown !== undefined) {
    if (unknown !== undefined) process.stderr.write(`There is no scenario ${JSON.stringify(unknown)}.\n\n`);
    process[unknown === undefined ? "stdout" : "stderr"].write(USAGE);
    return unknown === undefined ? 0 : 2;
  }
  const model = await openModelFolder(join(fileURLToPath(new URL("../../models/", import.meta.url)), "demo"));
  const print = (...lines: string[]) => process.stdout.write(`${lines.join("\n")}\n`);
  const progress = (line: string) => process.stderr.write(`${line}\n`);
  print(...describeMachine().map((line) => `- ${line}`));
  const warning = busyWarning();
  if (warning) print(`- ${warning}`);
  const chosen = positionals.length > 0 ? positionals : Object.keys(SCENARIOS);
  for (const name of chosen) await SCENARIOS[name]!.run({ model, quick: values.quick, print, progress });
  return 0;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
process.exitCode = await main();
