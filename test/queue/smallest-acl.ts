import { readFileSync } from "node:fs";

/** The rules of the ACL that docs/operations.md gives, for the user secret's password and for keys that begin with this prefix. */
export function aclRules(redisPrefix: string): string[] {
  const page = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
  const [, rules] = /^ACL SETUSER marimba (.+)$/m.exec(page)!;
  return rules!.replace("PASSWORD", "secret").replaceAll("marimba:", `${redisPrefix}:`).split(" ");
}
