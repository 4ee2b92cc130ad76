import { fstatSync } from "node:fs";
import { access, constants, readlink, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fileErrorReason } from "../files/file-errors.js";

/** The image can't be written to the path; the message is a sentence. */
export class ImageFileError extends Error {
  override readonly name = "ImageFileError";
}

/** Where an image goes. The path is checked before the image is generated, so that a mistake costs no time. */
export interface ImageFile {
  readonly path: string;
  readonly kind: "file" | "device" | "standard output";
  write(image: Uint8Array): Promise<void>;
}

/**
 * Resolves `path`: a file, existing or not, is replaced in one move, through a symbolic link too; a device, a named pipe or
 * the standard output is written to. Throws `ImageFileError`.
 */
export async function findImageFile(path: string): Promise<ImageFile> {
  const file = (kind: ImageFile["kind"], write: ImageFile["write"]): ImageFile => {
    return { path, kind, write: (image) => write(image).catch((error: unknown) => fail(path, error)) };
  };
  try {
    const found = await ifExists(stat(path));
    if (found?.isDirectory()) throw new ImageFileError(`${path} is a folder; --out names the image to write.`);
    if (found && isStandardOutput(found)) return file("standard output", writeToStandardOutput);
    if (found && !found.isFile()) return file("device", (image) => writeFile(path, image));
    const target = await throughLinks(path);
    await checkFolder(path, dirname(target));
    return file("file", (image) => writeWhole(target, image));
  } catch (error) {
    return fail(path, error);
  }
}

function fail(path: string, error: unknown): never {
  const reason = fileErrorReason(error);
  throw reason === undefined ? error : new ImageFileError(`${path} can't be written: ${reason}.`);
}

/** Undefined where nothing exists. */
function ifExists<T>(found: Promise<T>): Promise<T | undefined> {
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

function writeToStandardOutput(image: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(image, (error) => (error ? reject(error) : resolve()));
  });
}

/** The file behind symbolic links, which need not exist yet. */
async function throughLinks(path: string): Promise<string> {
  const real = await ifExists(realpath(path));
  if (real !== undefined) return real;
  const link = await readlink(path).catch(() => undefined);
  return link === undefined ? path : throughLinks(resolve(dirname(path), link));
}

async function checkFolder(path: string, folder: string): Promise<void> {
  const found = await ifExists(stat(folder));
  if (!found) throw new ImageFileError(`${path} can't be written: there is no folder ${folder}.`);
  if (!found.isDirectory()) throw new ImageFileError(`${path} can't be written: ${folder} is not a folder.`);
  await access(folder, constants.W_OK | constants.X_OK).catch((error: unknown) => {
    throw new ImageFileError(`The folder ${folder} can't be written to: ${fileErrorReason(error)}.`);
  });
}

/** In one move: a reader sees the old image or the new one. */
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
