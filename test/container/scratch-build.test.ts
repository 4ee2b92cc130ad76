import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../free-port.js";
import { APP_FILES, parseStages } from "./dockerfile.js";
import { type Image, ScratchBuild } from "./scratch-build.js";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));

describe("the image, built from the Dockerfile's own steps in an empty folder", () => {
  let image: Image;
  let remove: (() => Promise<void>) | undefined;
  const started: ChildProcess[] = [];

  beforeAll(async () => {
    ({ image, remove } = await ScratchBuild.of(
      parseStages(readFileSync(join(PROJECT, "Dockerfile"), "utf8")),
      PROJECT,
    ));
    // mkdtemp lets nobody else in; and like a container's, the root file system is read-only.
    await chmod(dirname(image.root), 0o755);
    await changeModes("a-w");
  }, 600_000);
  afterAll(async () => {
    for (const child of started) child.kill("SIGKILL");
    if (image) await changeModes("u+w");
    await remove?.();
  });

  const changeModes = (change: string) => promisify(execFile)("chmod", ["-R", change, image.root]);

  /** Starts one of the image's commands as its user, with an empty environment but for the image's and what is given. */
  function start(command: readonly string[], environment: Record<string, string> = {}): ChildProcess {
    const [program, ...args] = command.map((word) => word.replace(/^\/app\b/, join(image.root, "app")));
    const child = spawn(program === "node" ? process.execPath : program!, args, {
      ...asImageUser(image),
      cwd: join(image.root, image.workdir),
      env: { ...image.environment, HOST: "127.0.0.1", HOME: "/nonexistent", TMPDIR: "/nonexistent", ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    started.push(child);
    return child;
  }

  async function exitCode(command: readonly string[], environment: Record<string, string>): Promise<number> {
    const [code] = await once(start(command, environment), "close");
    return code;
  }

  it("holds what runs and nothing else", () => {
    const app = join(image.root, "app");
    expect(readdirSync(app).sort()).toEqual([...APP_FILES]);
    expect(readdirSync(join(app, "kernels"), { recursive: true })).toEqual(["linux-x64", "linux-x64/marimba.node"]);
    expect(readdirSync(join(app, "models"))).toEqual(["demo"]);
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8"));
    for (const name of Object.keys(dependencies)) expect(existsSync(join(app, "node_modules", name)), name).toBe(true);
    for (const name of ["typescript", "vitest", "@biomejs/biome"]) {
      expect(devDependencies).toHaveProperty([name]);
      expect(existsSync(join(app, "node_modules", name)), name).toBe(false);
    }
    const libraries = readdirSync(join(app, "node_modules/onnxruntime-node/bin"), { recursive: true });
    const platforms = new Set(libraries.map(String).flatMap((path) => /^[^/]+\/[^/]+\/[^/]+$/.exec(path) ?? []));
    expect([...platforms]).toEqual([expect.stringMatching(`/linux/${process.arch}$`)]);
  });

  it("can be read and not written to by its user", async () => {
    const open = "require('node:fs').openSync(process.argv[1], process.argv[2])";
    for (const file of ["/app/dist/main.js", "/app/models/demo/weights.bin", "/app/node_modules/sharp/package.json"]) {
      expect(await exitCode(["node", "-e", open, file, "r"], {}), file).toBe(0);
      expect(await exitCode(["node", "-e", open, file, "r+"], {}), file).not.toBe(0);
    }
    expect(await exitCode(["node", "-e", open, "/app/new", "w"], {})).not.toBe(0);
  });

  it("refuses to serve others without a key, and says what to do", async () => {
    const server = start([...image.entrypoint!, ...image.command!], { HOST: image.environment.HOST!, PORT: "0" });
    let output = "";
    server.stderr!.on("data", (text) => (output += text));
    expect((await once(server, "close"))[0]).toBe(1);
    expect(output).toMatch(/^HOST is 0\.0\.0\.0, .* API_KEYS_FILE .* ALLOW_ANONYMOUS=true .*\n$/);
  });

  it("starts a server that turns healthy, makes an image and ends on the stop signal", async () => {
    const environment = { PORT: String(await freePort()), THREADS: "1", MAX_BATCH: "2" };
    const isHealthy = async () => (await exitCode(image.healthcheck!, environment)) === 0;
    expect(await isHealthy()).toBe(false);
    const server = start([...image.entrypoint!, ...image.command!], environment);
    const closed = once(server, "close");
    let hasEnded = false;
    void closed.then(() => {
      hasEnded = true;
    });
    let output = "";
    for (const stream of [server.stdout!, server.stderr!]) stream.on("data", (text) => (output += text));
    while (!/^Ready/m.test(output)) {
      if (hasEnded) throw new Error(`The server ended:\n${output}`);
      await Promise.race([once(server.stdout!, "data"), closed]);
    }
    expect(await isHealthy(), output).toBe(true);
    const answer = await fetch(`http://127.0.0.1:${environment.PORT}/generate`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "image/png" },
      body: JSON.stringify({ class: 0, steps: 2, seed: 1 }),
    });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/png"]);
    server.kill(image.stopSignal as NodeJS.Signals);
    expect((await closed)[0], output).toBe(0);
  });
});

/** Only root can become another; anybody else runs as who they are, which shows less. */
function asImageUser({ user }: Image): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = user!.split(":").map(Number);
  return { uid: uid!, gid: gid! };
}
