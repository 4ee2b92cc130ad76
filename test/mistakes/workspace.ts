import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { transpile } from "./compile.js";
import { type Mistake, plant } from "./mistake.js";

/** Recordings of every stage alone: the cheaper half of parity, and where nearly every mistake shows. */
const STAGES = ["stages.safetensors", "vae_encode.safetensors"];
const RUNS = ["linear_cfg", "no_cfg", "constant_cfg_one_token", "unconditional"].map((name) => `${name}.safetensors`);
/** One checkpoint each: the tokenizer's has the names of diffusers. */
const DIT_RUNS = ["ddpm_8", "ddpm_8_unguided", "ddim_8"].map((name) => `${name}.safetensors`);
const DIT = ["config.json", "model.safetensors", "schedules.json", "stages.safetensors", ...DIT_RUNS];
const SIT_RUNS = ["euler_8", "heun_5", "sde_8"].map((name) => `${name}.safetensors`);
const SIT = ["config.json", "model.safetensors", "stages.safetensors", ...SIT_RUNS];
const KL8 = ["config.json", "diffusers/diffusion_pytorch_model.safetensors", "stages.safetensors"];
const VQ16 = ["config.json", "model.ckpt", "stages.safetensors"];
const LLAMAGEN_VQ = ["config.json", "vq.pt", "stages.safetensors"];
const LLAMAGEN = ["config.json", "c2i.pt", "stages.safetensors", "filtered.safetensors", "interval.safetensors"];
const ORDERED = ["config.json", "generator.safetensors", "stages.safetensors"];
const CONSISTENCY = ["config.json", "diffusion_pytorch_model.safetensors", "stages.safetensors"];
const DETOK_CHECKPOINTS = ["generator.safetensors", "tokenizer.safetensors"];
const DETOK = ["config.json", "stats.pkl", ...DETOK_CHECKPOINTS, "stages.safetensors", "tokenizer_stages.safetensors"];
const MODEL = ["config.json", "mar.safetensors", "kl16.safetensors"];

const VITEST_CONFIG = `export default {
  cacheDir: "./.vite",
  test: { include: ["test/{engine,families,model,importer,evaluation,tokenizers}/**/*.test.ts"], testTimeout: 120_000, hookTimeout: 120_000, maxWorkers: 1 },
};
`;

/** A copy of the project's source, tests and compiled code, in a temporary folder, in which one file at a time is made wrong. */
export class Workspace {
  readonly folder: string;
  /** The tiny model with its stages, and with its sampling runs; the DiT, and its tokenizer; the others alone. */
  readonly recordings: Readonly<
    Record<
      | "stages"
      | "runs"
      | "dit"
      | "kl8"
      | "sit"
      | "vq16"
      | "llamagen"
      | "llamagenVq"
      | "ordered"
      | "consistency"
      | "detok",
      string
    >
  >;
  private readonly base: string;

  constructor(private readonly root: string) {
    const reference = join(root, "test/reference");
    this.base = realpathSync(mkdtempSync(join(tmpdir(), "marimba-mistakes-")));
    this.folder = join(this.base, "project");
    for (const part of ["src", "test", "kernels", "scripts", "package.json"])
      cpSync(join(root, part), join(this.folder, part), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(this.folder, "node_modules"));
    writeFileSync(join(this.folder, "vitest.config.mjs"), VITEST_CONFIG);
    for (const file of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }))
      if (file.endsWith(".ts")) this.write(file, this.original(file));
    const assembled = "dist/model/files/floats.wasm";
    cpSync(join(root, assembled), join(this.folder, assembled));
    const recordings = (name: string, files: readonly string[], from = "tiny") => {
      const folder = join(this.base, "recordings", name);
      mkdirSync(folder, { recursive: true });
      for (const file of files) symlinkSync(join(reference, from, file), join(folder, basename(file)));
      return folder;
    };
    this.recordings = {
      stages: recordings("stages", [...MODEL, ...STAGES]),
      runs: recordings("runs", [...MODEL, ...RUNS]),
      dit: recordings("dit", DIT, "systems/dit"),
      kl8: recordings("kl8", KL8, "systems/kl8"),
      sit: recordings("sit", SIT, "systems/sit"),
      vq16: recordings("vq16", VQ16, "systems/vq16"),
      llamagenVq: recordings("llamagen-vq", LLAMAGEN_VQ, "systems/llamagen/vq-6x6"),
      detok: recordings("detok", DETOK, "systems/detok/deep"),
      llamagen: recordings("llamagen", [...LLAMAGEN, "../vq-6x6/vq.pt"], "systems/llamagen/6x6"),
      ordered: recordings("ordered", [...ORDERED, "../../kl8/model.ckpt"], "systems/paper/random-diffusion"),
      consistency: recordings("consistency", CONSISTENCY, "systems/consistency"),
    };
    symlinkSync(join(reference, "schedules.json"), join(this.base, "recordings/schedules.json"));
  }

  /** Makes one mistake, calls `during`, and puts the file right again. */
  async with<Result>(mistake: Mistake, during: () => Promise<Result>): Promise<Result> {
    this.write(mistake.file, plant(mistake, this.original(mistake.file)));
    try {
      return await during();
    } finally {
      this.write(mistake.file, this.original(mistake.file));
    }
  }

  /** Whether the compiled module `from` loads `file` (both under src/), directly or through others. */
  loads(from: string, file: string): boolean {
    const wanted = this.compiled(file);
    const seen = new Set<string>();
    const waiting = [this.compiled(from)];
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      if (seen.has(path)) continue;
      seen.add(path);
      for (const [, imported] of readFileSync(path, "utf8").matchAll(/(?:from|import) ?\(?"(\.[^"]+\.js)"/g))
        waiting.push(join(dirname(path), imported!));
    }
    return seen.has(wanted);
  }

  compiled(file: string): string {
    return join(this.folder, "dist", file.replace(/\.ts$/, ".js"));
  }

  remove(): void {
    rmSync(this.base, { recursive: true, force: true });
  }

  private original(file: string): string {
    return readFileSync(join(this.root, "src", file), "utf8");
  }

  /** Source and compiled code of one file. */
  private write(file: string, source: string): void {
    writeFileSync(join(this.folder, "src", file), source);
    mkdirSync(dirname(this.compiled(file)), { recursive: true });
    writeFileSync(this.compiled(file), transpile(source));
  }
}
