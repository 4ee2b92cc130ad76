import { fstatSync } from "node:fs";
import { access, constants, readlink, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fileErrorReason } from "../files/file-errors.js";

/** A picture can't be written where it should: a sentence. */
export class PictureFileError extends Error {
  override readonly name = "PictureFileError";
}

/** Where a picture goes. It was looked at before the picture is made, so that a mistake costs no time. */
export interface PictureFile {
  readonly path: string;
  readonly kind: "file" | "device" | "standard output";
  write(png: Uint8Array): Promise<void>;
}

/**
 * What `path` leads to: a file, there or not, is replaced in one move, and of a symbolic link its target is; a device, a
 * named pipe or the standard output is written into. Throws `PictureFileError`.
 */
export async function findPictureFile(path: string): Promise<PictureFile> {
  const file = (kind: PictureFile["kind"], write: PictureFile["write"]): PictureFile => {
    return { path, kind, write: (png) => write(png).catch((error: unknown) => fail(path, error)) };
  };
  try {
    const found = await ifThere(stat(path));
    if (found?.isDirectory()) throw new PictureFileError(`${path} is a folder; --out names the PNG to write.`);
    if (found && isStandardOutput(found)) return file("standard output", writeToStandardOutput);
    if (found && !found.isFile()) return file("device", (png) => writeFile(path, png));
    const target = await throughLinks(path);
    await checkFolder(path, dirname(target));
    return file("file", (png) => writeWhole(target, png));
  } catch (error) {
    return fail(path, error);
  }
}

function fail(path: string, error: unknown): never {
  const reason = fileErrorReason(error);
  throw reason === undefined ? error : new PictureFileError(`${path} can't be written: ${reason}.`);
}

/** Undefined where nothing is. */
function ifThere<T>(found: Promise<T>): Promise<T | undefined> {
  return found.catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}

/** `/dev/stdout` or the file that it was redirected to. A pipe or a socket can't always be opened again by its name. */
function isStandardOutput({ dev, ino }: { dev: number; ino: number }): boolean {
  const output = fstatSync(process.stdout.fd);
  return output.dev === dev && output.ino === ino;
}

function writeToStandardOutput(png: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(png, (error) => (error ? reject(error) : resolve()));
  });
}

/** The file behind symbolic links, which may not be there yet. */
async function throughLinks(path: string): Promise<string> {
  const real = await ifThere(realpath(path));
  if (real !== undefined) return real;
  const link = await readlink(path).catch(() => undefined);
  return link === undefined ? path : throughLinks(resolve(dirname(path), link));
}

async function checkFolder(path: string, folder: string): Promise<void> {
  const found = await ifThere(stat(folder));
  if (!found) throw new PictureFileError(`${path} can't be written: there is no folder ${folder}.`);
  if (!found.isDirectory()) throw new PictureFileError(`${path} can't be written: ${folder} is no folder.`);
  await access(folder, constants.W_OK | constants.X_OK).catch((error: unknown) => {
    throw new PictureFileError(`The folder ${folder} can't be written to: ${fileErrorReason(error)}.`);
  });
}

/** In one move: whoever reads the file sees the old picture or the new one. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, bytes, { flag: "wx" });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
