import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { fences } from "./shell-blocks.js";

/** A program that a document shows. */
export interface Example {
  /** Of its first line, from 1. */
  readonly line: number;
  readonly language: "js" | "python";
  readonly text: string;
}

/** Languages under which a program would hide from `examples`. */
const OTHER_NAMES = /^(javascript|mjs|typescript|py)$/;

/** Every program that a reader is shown, in order. Throws where one stands in a block of another kind. */
export function examples(markdown: string): Example[] {
  return fences(markdown).flatMap(({ language, line, text }) => {
    if (OTHER_NAMES.test(language)) throw new Error(`Line ${line} begins a program: mark it as js or python.`);
    return language === "js" || language === "python" ? [{ line, language, text }] : [];
  });
}

/** Where the documents have a reader's own project, and where the client that was generated for Python lies. */
const PLACES = { js: "my-app", python: "." } as const;

/** Runs a program as a reader would who saved it there; returns its output and the pictures that it wrote. */
export async function runExample({ language, text }: Example, checkout: string, env: NodeJS.ProcessEnv) {
  const place = join(checkout, PLACES[language]);
  const folder = await mkdtemp(join(place, "example-"));
  const [program, name] = language === "js" ? [process.execPath, "example.mjs"] : ["python3", "example.py"];
  try {
    await writeFile(join(folder, name), text);
    const options = { cwd: folder, env: { ...env, PYTHONPATH: place } };
    const { stdout } = await promisify(execFile)(program, [name], options);
    const pictures = (await readdir(folder)).filter((file) => extname(file) === ".png");
    return { stdout, pictures: await Promise.all(pictures.map((file) => readFile(join(folder, file)))) };
  } finally {
    await rm(folder, { recursive: true });
  }
}
