import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { transpile } from "../../test/mistakes/compile.js";
import { plant } from "../../test/mistakes/mistake.js";
import { SLOWDOWNS } from "../../test/mistakes/table/slowdowns.js";
import type { PartName } from "./parts/parts.js";

/** Runs the guard on a copy of the built project in which a part is slower. Resolves with whether it failed there. */
export async function catchSlowdown(root: string, part: PartName): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "marimba-guard-"));
  try {
    copyProject(root, folder);
    const slowdown = SLOWDOWNS[part];
    const source = readFileSync(join(root, "src", slowdown.file), "utf8");
    writeFileSync(join(folder, "dist", slowdown.file.replace(/ts$/, "js")), transpile(plant(slowdown, source)));
    const args = ["--import", "./bench/typescript.js", "bench/guard/main.ts", "--only", part];
    const guard = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    guard.stdout.on("data", (text) => {
      said += text;
      process.stdout.write(text);
    });
    await once(guard, "close");
    // An exit code alone could be that of a copy that does not run.
    const isCaught = guard.exitCode === 1 && said.trim().split("\n").at(-1)!.startsWith(`${part} has become slower`);
    process.stdout.write(`A slowdown planted in ${part} was ${isCaught ? "caught" : "NOT CAUGHT"}.\n`);
    return isCaught;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The built code, and what runs it. */
function copyProject(root: string, folder: string): void {
  for (const part of ["bench", "dist", "package.json"])
    cpSync(join(root, part), join(folder, part), { recursive: true, filter: (path) => !path.endsWith("/.work") });
  for (const part of ["test/free-port.ts", "test/queue/redis-server.ts", "test/mistakes"])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  for (const part of ["node_modules", "models"]) symlinkSync(join(root, part), join(folder, part));
}
