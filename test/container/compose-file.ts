import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));

/** What the tests read of a service; the schema checks all of it. */
export interface ComposeService {
  readonly image: string;
  readonly build?: { readonly context: string; readonly args?: Readonly<Record<string, string>> };
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes: readonly (string | { readonly source: string; readonly read_only?: boolean })[];
  readonly [key: string]: unknown;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
}

const VARIABLE = /\$(?:\$|\{([A-Z_]+)(?::-([^}]*))?\})/g;

/** The names of all variables that a compose file reads from its surroundings. */
export function composeVariables(file: string): string[] {
  const text = readFileSync(join(PROJECT, file), "utf8");
  return [...new Set([...text.matchAll(VARIABLE)].flatMap(([, name]) => name ?? []))];
}

/** Compose files as `docker compose -f ONE -f OTHER` reads them, with these variables set and no others. */
export function readCompose(files: readonly string[], variables: Readonly<Record<string, string>> = {}): ComposeFile {
  const documents = files.map((file) => parse(readFileSync(join(PROJECT, file), "utf8"), { merge: true }));
  return documents
    .map((document) => extend(interpolate(document, variables) as ComposeFile))
    .reduce(merge) as ComposeFile;
}

/** A service with `extends` gets what the service of the other file has. */
function extend(document: ComposeFile): unknown {
  const services = Object.entries(document.services).map(([name, { extends: base, ...own }]) => {
    if (!base) return [name, own];
    const { file, service } = base as { file: string; service: string };
    return [name, merge(readCompose([file]).services[service], own)];
  });
  return { ...document, services: Object.fromEntries(services) };
}

function interpolate(value: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (typeof value === "string")
    return value.replace(VARIABLE, (found, name, otherwise = "") =>
      found === "$$" ? "$" : variables[name] || otherwise,
    );
  if (Array.isArray(value)) return value.map((item) => interpolate(item, variables));
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, interpolate(item, variables)]));
}

/** Mappings are merged, lists joined, and of anything else the later file's counts. */
function merge(one: unknown, other: unknown): unknown {
  if (Array.isArray(one) && Array.isArray(other)) return [...one, ...other];
  if (!isMapping(one) || !isMapping(other)) return other;
  const merged = { ...one };
  for (const [key, value] of Object.entries(other)) merged[key] = key in one ? merge(one[key], value) : value;
  return merged;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
