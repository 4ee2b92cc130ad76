import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { VERSION } from "../../src/files/package.js";

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");

test("package.json's version is the changelog's newest, and that of everything released with it", () => {
  const lock = JSON.parse(read("package-lock.json"));
  expect([lock.version, lock.packages[""].version]).toEqual([VERSION, VERSION]);
  expect(JSON.parse(read("openapi/openapi.json")).info.version).toBe(VERSION);
  expect(JSON.parse(read("openapi/client/package.json")).version).toBe(VERSION);
  expect(parse(read("deploy/kubernetes/kustomization.yaml")).images[0].newTag).toBe(VERSION);
  expect(/^## \[(.+?)\] - \d{4}-\d\d-\d\d$/m.exec(read("CHANGELOG.md"))?.[1]).toBe(VERSION);
});
