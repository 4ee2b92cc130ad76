import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { readDockerIgnore } from "./docker-ignore.js";
import { neededStages, type Stage, type Step } from "./dockerfile.js";

/** What a stage's steps left: a folder that stands for `/`, and what they said of the process. */
export interface Image {
  readonly root: string;
  workdir: string;
  environment: Record<string, string>;
  /** Of the stage's ARGs; only its RUNs see them. */
  buildArguments: Record<string, string>;
  user?: string;
  stopSignal?: string;
  healthcheck?: string[];
  entrypoint?: string[];
  command?: string[];
}

/** Longest that one RUN may take. */
const RUN_MS = 300_000;

/**
 * Runs a Dockerfile's own steps without a container engine: every stage has an empty folder for its `/`, COPY copies,
 * and RUN is run by this machine's shell and programs in the stage's folder.
 */
export class ScratchBuild {
  readonly #images = new Map<string, Promise<Image>>();

  private constructor(
    private readonly folder: string,
    private readonly context: string,
    private readonly isLetIn: (path: string) => boolean,
  ) {}

  /** Builds the last of the stages from the context's files. */
  static async of(stages: readonly Stage[], context: string): Promise<{ image: Image; remove(): Promise<void> }> {
    const folder = await mkdtemp(join(tmpdir(), "marimba-image-"));
    const remove = () => rm(folder, { recursive: true });
    try {
      const isLetIn = readDockerIgnore(await readFile(join(context, ".dockerignore"), "utf8"));
      const build = new ScratchBuild(folder, context, isLetIn);
      // Stages that don't hang on each other are built at the same time, as a builder does it.
      for (const stage of neededStages(stages)) build.#images.set(stage.name, build.#build(stage));
      const built = [...build.#images.values()];
      await Promise.allSettled(built);
      return { image: (await Promise.all(built)).at(-1)!, remove };
    } catch (error) {
      await remove();
      throw error;
    }
  }

  async #build(stage: Stage): Promise<Image> {
    const base = await this.#images.get(stage.base);
    if (base && stage.steps.length === 0) return base;
    const empty = { workdir: "/", environment: {} };
    const image = { ...(base ?? empty), root: join(this.folder, `root-${stage.name}`), buildArguments: {} };
    await mkdir(image.root);
    if (base) await copyAll(base.root, image.root);
    else await addNode(image.root);
    for (const step of stage.steps) await this.#carryOut(step, image);
    return image;
  }

  async #carryOut(step: Step, image: Image): Promise<void> {
    const { keyword, text, words } = step;
    if (keyword === "WORKDIR") {
      image.workdir = resolve(image.workdir, text);
      await mkdir(join(image.root, image.workdir), { recursive: true });
    } else if (keyword === "COPY") await this.#copy(step, image);
    else if (keyword === "RUN") await run(text, image);
    else if (keyword === "ARG") image.buildArguments = { ...image.buildArguments, ...pairs(words) };
    else if (keyword === "ENV") image.environment = { ...image.environment, ...pairs(words) };
    else if (keyword === "USER") image.user = text;
    else if (keyword === "STOPSIGNAL") image.stopSignal = text;
    else if (keyword === "HEALTHCHECK") image.healthcheck = JSON.parse(text.replace(/^CMD\s+/, ""));
    else if (keyword === "ENTRYPOINT") image.entrypoint = JSON.parse(text);
    else if (keyword === "CMD") image.command = JSON.parse(text);
    else if (keyword !== "EXPOSE") throw new Error(`Nobody said how to carry out ${keyword} ${text} here.`);
  }

  async #copy({ words, fromStage }: Step, image: Image): Promise<void> {
    const target = words.at(-1)!;
    const to = join(image.root, resolve(image.workdir, target));
    for (const source of words.slice(0, -1)) {
      if (fromStage) await copyAll(join((await this.#images.get(fromStage))!.root, source), into(to, target, source));
      else await this.#copyFromContext(source, to, target);
    }
  }

  /** A folder's files go into the target; so does a file whose target ends with a slash. */
  async #copyFromContext(source: string, to: string, target: string): Promise<void> {
    const from = join(this.context, source);
    const isFolder = (await stat(from)).isDirectory();
    const found = isFolder ? await readdir(from, { recursive: true, withFileTypes: true }) : [];
    const inFolder = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const files = (isFolder ? inFolder : [from]).filter((file) => this.isLetIn(relative(this.context, file)));
    if (files.length === 0) throw new Error(`COPY ${source}: .dockerignore lets nothing of it in.`);
    for (const file of files) {
      const path = isFolder ? join(to, relative(from, file)) : into(to, target, source);
      await mkdir(dirname(path), { recursive: true });
      await cp(file, path);
    }
  }
}

/** The images that a Dockerfile starts from have Node; this machine's takes its place. */
async function addNode(root: string): Promise<void> {
  const folder = join(root, "usr/local/bin");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "node"), `#!/bin/sh\nexec "${process.execPath}" "$@"\n`, { mode: 0o755 });
}

function into(to: string, target: string, source: string): string {
  return target.endsWith("/") ? join(to, basename(source)) : to;
}

async function copyAll(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, verbatimSymlinks: true });
}

/** What npm needs of this machine: where its cache and its registry are. */
const MACHINE = /^(PATH|HOME|https?_proxy|no_proxy|npm_config_(registry|cafile|cache))$/i;

async function run(command: string, image: Image): Promise<void> {
  if (/(^|[\s"'=])\//.test(command))
    throw new Error(`RUN ${command}: an absolute path would leave the stage's folder.`);
  const machine = Object.entries(process.env).filter(([name]) => MACHINE.test(name));
  const env = {
    ...Object.fromEntries(machine),
    npm_config_prefer_offline: "true",
    ...image.buildArguments,
    ...image.environment,
  };
  const cwd = join(image.root, image.workdir);
  await promisify(execFile)("sh", ["-c", command], { cwd, env, timeout: RUN_MS, maxBuffer: 1 << 26 });
}

function pairs(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(words.map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]));
}
