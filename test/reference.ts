import { existsSync } from "node:fs";
import { resolve } from "node:path";

/** The recordings of the official implementation, beside the repository unless `MARIMBA_REFERENCE` says otherwise. */
export const REFERENCE = resolve(process.env.MARIMBA_REFERENCE ?? `${import.meta.dirname}/../../shared/reference`);
if (!existsSync(`${REFERENCE}/tiny/config.json`)) {
  throw new Error(`No reference recordings at ${REFERENCE}; set MARIMBA_REFERENCE to their folder.`);
}
export const TINY = `${REFERENCE}/tiny`;
