// One import in a process of its own, as the command line runs it; prints the process's peak memory in MiB.
import { run } from "../dist/commands/import.js";

process.exitCode = await run(process.argv.slice(2));
process.stdout.write(`${process.resourceUsage().maxRSS / 1024}\n`);
