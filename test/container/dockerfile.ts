import { type Copy, DockerfileParser, type From, type Instruction } from "dockerfile-ast";

/** What the image has in /app, sorted: what runs and nothing else. */
export const APP_FILES = ["LICENSE", "dist", "kernels", "keys", "models", "node_modules", "package.json"] as const;

export interface Step {
  readonly keyword: string;
  /** All after the keyword and its flags, on one line. */
  readonly text: string;
  /** Its words, variables of `ARG` replaced. */
  readonly words: readonly string[];
  /** `--from` of a COPY. */
  readonly fromStage?: string;
}

export interface Stage {
  /** Its number where it has no name. */
  readonly name: string;
  /** An earlier stage or an image. */
  readonly base: string;
  readonly steps: readonly Step[];
}

/** A Dockerfile's stages; `buildArguments` take the place of the defaults of its ARGs. */
export function parseStages(dockerfile: string, buildArguments: Readonly<Record<string, string>> = {}): Stage[] {
  const stated = Object.entries(buildArguments).reduce(replaceDefault, dockerfile);
  const stages: (Stage & { steps: Step[] })[] = [];
  for (const instruction of DockerfileParser.parse(stated).getInstructions()) {
    const keyword = instruction.getKeyword();
    const words = instruction.getExpandedArguments().map((argument) => argument.getValue());
    if (keyword === "FROM") {
      const name = (instruction as From).getBuildStage() ?? String(stages.length);
      stages.push({ name, base: words[0]!, steps: [] });
    } else stages.at(-1)?.steps.push(readStep(instruction, keyword, words));
  }
  return stages;
}

function replaceDefault(dockerfile: string, [name, value]: [string, string]): string {
  const declaration = new RegExp(`^ARG ${name}=.*$`, "gm");
  if (!declaration.test(dockerfile)) throw new Error(`The Dockerfile has no ARG ${name} with a default.`);
  return dockerfile.replaceAll(declaration, `ARG ${name}=${value}`);
}

function readStep(instruction: Instruction, keyword: string, words: string[]): Step {
  const raw = instruction.getRawArgumentsContent() ?? "";
  const text = raw
    .replace(/\\\n\s*/g, "")
    .replace(/^(--\S+\s+)*/, "")
    .trim();
  const fromStage = keyword === "COPY" ? (instruction as Copy).getFromFlag()?.getValue() : undefined;
  return { keyword, text, words, ...(fromStage && { fromStage }) };
}

/** The stages that the last one needs, itself included, in the order of the file; no other is built. */
export function neededStages(stages: readonly Stage[]): Stage[] {
  const needed = new Set<Stage>();
  const visit = (stage: Stage | undefined) => {
    if (!stage || needed.has(stage)) return;
    needed.add(stage);
    const earlier = stages.slice(0, stages.indexOf(stage));
    const names = [stage.base, ...stage.steps.flatMap(({ fromStage }) => fromStage ?? [])];
    for (const name of names) visit(earlier.findLast((other) => other.name === name));
  };
  visit(stages.at(-1));
  return stages.filter((stage) => needed.has(stage));
}
