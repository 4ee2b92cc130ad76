import { join } from "node:path";

/** Recordings of the official implementation: test/reference/README.md. */
export const REFERENCE = join(import.meta.dirname, "reference");
export const TINY = join(REFERENCE, "tiny");
