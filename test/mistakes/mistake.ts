/** One wrong line that a person could have written, to see whether parity or a unit test notices. */
export interface Mistake {
  /** Names it on the command line. */
  readonly name: string;
  /** Under src/. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** What is right, or what goes wrong. */
  readonly why: string;
}

/** The file's text with the mistake in it. Throws where its pattern does not stand in the text exactly once. */
export function plant(mistake: Mistake, source: string): string {
  const found = source.split(mistake.find).length - 1;
  if (found !== 1) {
    throw new Error(
      `The mistake ${mistake.name} no longer fits src/${mistake.file}: its pattern must stand there once, not ${found} times.`,
    );
  }
  return source.replace(mistake.find, () => mistake.replace);
}
