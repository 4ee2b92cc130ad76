import { type ExecFileOptions, execFile } from "node:child_process";
import { promisify } from "node:util";
import { writePodman } from "../../../scripts/podman.js";

/** Longest that one command may take: a build on a slow machine. */
const COMMAND_MS = 1_800_000;

/** Podman with images and containers of its own, in a folder that later runs find again: to build them takes minutes. */
export class Podman {
  readonly folder = "/var/tmp/marimba-containers";
  /** A program that is this Podman, for podman-compose. */
  readonly program = writePodman(this.folder);

  /** Returns the standard output; rejects with what the command printed where it fails. */
  async run(...args: readonly string[]): Promise<string> {
    // Podman leaves a file where a container ran out of memory.
    return execute(this.program, args, { cwd: this.folder });
  }

  /** What `podman inspect` prints about the container in this format. */
  inspect(container: string, format: string): Promise<string> {
    return this.run("inspect", "--format", format, container);
  }

  async hasImage(name: string): Promise<boolean> {
    return this.run("image", "exists", name).then(
      () => true,
      () => false,
    );
  }
}

export async function execute(file: string, args: readonly string[], options: ExecFileOptions = {}): Promise<string> {
  const { stdout } = await promisify(execFile)(file, args, {
    ...options,
    encoding: "utf8",
    timeout: COMMAND_MS,
    maxBuffer: 1 << 26,
  });
  return stdout.trim();
}
