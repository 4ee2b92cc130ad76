import { ConfigError } from "../../config.js";
import { Problem } from "../../errors.js";
import type { Manifest } from "../../model/manifest.js";
import { showValue } from "../../validation/field-errors.js";
import type { ApiDeps } from "../deps.js";

/**
 * The names that OpenAI's clients use for models: the models' ids and the aliases of `MODEL_ALIASES`, each with or without
 * a provider's prefix, as in `openai/demo`.
 */
/** What gateways put before a model's name, such as `openai/` or `openrouter/openai/`. */
const PROVIDER_PREFIX = /^(?:[A-Za-z0-9][\w.-]*\/)+/;

export class ModelNames {
  readonly #byName: ReadonlyMap<string, Manifest>;
  readonly #default: Manifest;

  /** Throws `ConfigError` for an alias of a model that is not served, and for one that hides another name. */
  constructor({ models, config }: Pick<ApiDeps, "models" | "config">) {
    const byName = new Map(models.list().map((manifest) => [manifest.name, manifest]));
    const served = [...byName.keys()].join(", ");
    const faults: string[] = [];
    for (const pair of config.modelAliases) {
      const [alias, name] = pair.split("=") as [string, string];
      const manifest = models.get(name);
      if (!manifest) faults.push(`MODEL_ALIASES has ${pair}, but the served models are ${served}.`);
      else if (byName.has(alias)) faults.push(`MODEL_ALIASES has ${pair}, but ${alias} already names a model.`);
      else byName.set(alias, manifest);
    }
    if (faults.length > 0) throw new ConfigError(faults);
    this.#byName = byName;
    this.#default = models.get(models.default)!;
  }

  /** Ids first, then aliases. */
  list(): string[] {
    return [...this.#byName.keys()];
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** The default model if there is no name. Throws `unknown_model`. */
  resolve(name: string | null | undefined): Manifest {
    const manifest = name == null ? this.#default : this.#find(name);
    if (manifest) return manifest;
    const known = this.list().map(showValue).join(" or ");
    const message = `must be ${known}, not ${showValue(name)}; the server's setting MODEL_ALIASES can add names`;
    throw new Problem("unknown_model", `model ${message}.`, { errors: [{ pointer: "/model", message }] });
  }

  #find(name: string): Manifest | undefined {
    return this.#byName.get(name) ?? this.#byName.get(name.replace(PROVIDER_PREFIX, ""));
  }
}
