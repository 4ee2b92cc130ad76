import { readFileSync } from "node:fs";
import { Ajv, type AnySchema } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";

type Validator = (document: unknown) => string[];

function readSchema(name: string) {
  return JSON.parse(readFileSync(new URL(`./schemas/${name}.json`, import.meta.url), "utf8"));
}

function validator(ajv: Ajv, schema: AnySchema): Validator {
  formats.default(ajv);
  const check = ajv.compile(schema);
  return (document) => {
    if (check(document)) return [];
    return check.errors!.map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
}

/** What the Compose specification has against a document: a sentence for each fault. */
export function composeFaults(): Validator {
  // The schema is of draft 7 and says so with "https".
  const { $schema: _, ...schema } = readSchema("compose");
  return validator(new Ajv({ allErrors: true, strict: false, formats: { duration: true } }), schema);
}

/** What Kubernetes or KEDA has against a manifest of this kind; throws for a kind whose schema is not here. */
export function manifestFaults(apiVersion: string, kind: string): Validator {
  const schema = [readSchema("kubernetes"), readSchema("keda")].find(
    ({ properties }) => `${apiVersion}/${kind}` in properties,
  );
  if (!schema) throw new Error(`No schema here for ${apiVersion} ${kind}; see schemas/README.md.`);
  const { properties, $defs } = schema;
  const integers = { int32: true, int64: true, double: true, byte: true } as const;
  const ajv = new Ajv2020({ allErrors: true, strict: false, formats: integers });
  return validator(ajv, { ...properties[`${apiVersion}/${kind}`], $defs });
}
