import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The files that take longest, the longest first. */
const LONGEST = [
  "docs/docs.test.ts",
  "chaos/chaos.test.ts",
  "container/image.test.ts",
  "commands/topology.test.ts",
  "commands/evaluate.test.ts",
  "load/load.test.ts",
  "browser/generate.test.ts",
  "browser/problems.test.ts",
  "demo/sweep.test.ts",
  "commands/serve.test.ts",
  "contract/contract.test.ts",
  "commands/sweep.test.ts",
  "browser/gallery.test.ts",
  "browser/compare.test.ts",
  "browser/accessibility.test.ts",
];

/** Begins with them: a long file that comes last has one worker run alone, and the other idle. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}`));
      return found < 0 ? LONGEST.length : found;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}
