/**
 * Says a choice of values as generators of clients read it best: where every option of an `anyOf` with values has the same
 * type, one `enum` holds the values of all. The meaning is the same.
 */
export function foldEnums(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(foldEnums);
  if (typeof schema !== "object" || schema === null) return schema;
  const folded = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, foldEnums(value)]));
  if (!Array.isArray(folded.anyOf)) return folded;
  const { anyOf, ...rest } = folded;
  const choices = anyOf.filter(isChoice);
  const [first] = choices;
  if (!first || choices.some(({ type }) => type !== first.type)) return folded;
  const choice = { type: first.type, enum: choices.flatMap((option) => option.enum) };
  const others = anyOf.filter((option) => !isChoice(option));
  return others.length === 0 ? { ...choice, ...rest } : { anyOf: [choice, ...others], ...rest };
}

interface Choice {
  readonly type: string;
  readonly enum: readonly unknown[];
}

function isChoice(option: unknown): option is Choice {
  return typeof option === "object" && option !== null && "enum" in option && "type" in option;
}
