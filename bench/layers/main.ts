// npm run bench: images per second through HTTP, from the engine alone and from the bare ONNX runs, and the layers between.

import { runCommand } from "../command.js";
import { HttpClient } from "../http-client.js";
import { busyWarning, describeMachine } from "../machine.js";
import { MeasuringProcess } from "../measuring-process.js";
import { type MeasuredModel, openModelFolder } from "../model-folder.js";
import { imageRequest } from "../workload.js";
import { type Amounts, readBenchOptions } from "./options.js";
import { type EngineProcess, measureOwnTime, type OwnTime, ownTimeTable } from "./own-time.js";
import { type ServerProcess, startServer } from "./server-process.js";
import { measureThroughput, singleImageLines, type Throughput, throughputTable } from "./throughput.js";
import { measureTogether, togetherLines } from "./together.js";

/** All measured processes; only one works at a time. */
interface Processes {
  readonly runs: MeasuringProcess<"runs">;
  readonly engine: EngineProcess;
  readonly server: ServerProcess;
  readonly nullServer: ServerProcess;
}

const print = (...lines: string[]) => process.stdout.write(`${lines.join("\n")}\n`);
const progress = (line: string) => process.stderr.write(`${line}\n`);

async function startProcesses(model: MeasuredModel): Promise<Processes> {
  progress("Starting ...");
  return {
    runs: await MeasuringProcess.start("runs-process.ts", model.folder),
    engine: await MeasuringProcess.start("engine-process.ts", model.folder),
    server: await startServer(model.environment),
    nullServer: await startServer({ ...model.environment, ENGINE: "null", LOG_LEVEL: "error" }),
  };
}

async function measure(model: MeasuredModel, amounts: Amounts, processes: Processes): Promise<void> {
  const http = new HttpClient(processes.server.address);
  const nullServer = new HttpClient(processes.nullServer.address);
  const sides = { runs: processes.runs, engine: processes.engine, http };
  const throughputs: Throughput[] = [];
  const ownTimes: OwnTime[] = [];
  for (const load of amounts.levels) {
    progress(`${load.concurrency} at once ...`);
    throughputs.push(await measureThroughput(load, amounts.rounds, sides, model));
    const plain = { total: amounts.plain, concurrency: load.concurrency };
    ownTimes.push(await measureOwnTime(plain, amounts.rounds, processes.engine, nullServer, model));
  }
  print("", "### Images per second", "", throughputTable(throughputs));
  print("", "### Milliseconds per image, and their share", "", ownTimeTable(ownTimes, throughputs));
  print("", "### One image", "", ...singleImageLines(throughputs[0]!).map((line) => `- ${line}`));
  progress(`${amounts.together} together ...`);
  const together = await measureTogether(amounts.together, processes.server.address, model);
  print("", "### Together", "", ...togetherLines(together).map((line) => `- ${line}`));
  http.close();
  nullServer.close();
}

async function main(): Promise<void> {
  const options = readBenchOptions(process.argv.slice(2));
  if (!options) return;
  const model = await openModelFolder(options.modelFolder);
  const { steps, diffusion_steps, guidance_scale, max_timestep } = imageRequest(0, model.models).parameters;
  const preset = `${steps} steps, ${diffusion_steps} diffusion steps, guidance ${guidance_scale}, highest timestep ${max_timestep}`;
  print(...[...describeMachine(), `Model ${model.manifest.name}: ${preset}`].map((line) => `- ${line}`));
  const warning = busyWarning();
  if (warning) print(`- ${warning}`);
  const processes = await startProcesses(model);
  await measure(model, options.amounts, processes);
  await Promise.all([processes.runs.stop(), processes.engine.stop()]);
  await Promise.all([processes.server.stop(), processes.nullServer.stop()]);
}

await runCommand(main);
