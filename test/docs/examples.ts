import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { fences } from "./shell-blocks.js";

/** A program in a document. */
export interface Example {
  /** Number of its first line, from 1. */
  readonly line: number;
  readonly language: "js" | "python";
  readonly text: string;
}

/** Languages under which a program would hide from `examples`. */
const OTHER_NAMES = /^(javascript|mjs|typescript|py)$/;

/** Every program in a document, in order. Throws if a block of another language holds a program. */
export function examples(markdown: string): Example[] {
  return fences(markdown).flatMap(({ language, line, text }) => {
    if (OTHER_NAMES.test(language)) throw new Error(`Line ${line} begins a program: mark it as js or python.`);
    return language === "js" || language === "python" ? [{ line, language, text }] : [];
  });
}

/** The reader's own project, and the folder of the generated Python client. */
const PLACES = { js: "my-app", python: "." } as const;

/** Runs a program as a reader would; returns its output and the images that it wrote. */
export async function runExample({ language, text }: Example, checkout: string, env: NodeJS.ProcessEnv) {
  const place = join(checkout, PLACES[language]);
  const folder = await mkdtemp(join(place, "example-"));
  const [program, name] = language === "js" ? [process.execPath, "example.mjs"] : ["python3", "example.py"];
  try {
    await writeFile(join(folder, name), text);
    const options = { cwd: folder, env: { ...env, PYTHONPATH: place } };
    const { stdout } = await promisify(execFile)(program, [name], options);
    const images = (await readdir(folder)).filter((file) => extname(file) === ".png");
    return { stdout, images: await Promise.all(images.map((file) => readFile(join(folder, file)))) };
  } finally {
    await rm(folder, { recursive: true });
  }
}
