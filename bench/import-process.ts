// One import in a process of its own: started with the arguments of `marimba import`, it prints its peak memory in MiB.
import { runImport } from "../src/commands/import.js";

process.exitCode = await runImport(process.argv.slice(2));
process.stdout.write(`${process.resourceUsage().maxRSS / 1024}\n`);
