import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Classifier, openClassifier } from "../../bench/classifier.js";
import { type Answer, HttpClient } from "../../bench/http-client.js";
import type { Manifest } from "../../src/model/manifest.js";
import { readManifest } from "../../src/model/registry.js";
import { Marimba } from "../commands/marimba.js";
import { readPngText } from "../worker/png-chunks.js";
import { describeSetting, SETTINGS, type Setting } from "./settings.js";

const MODELS = process.env.MARIMBA_TEST_MODELS ?? fileURLToPath(new URL("../../models", import.meta.url));
const IMAGES_PER_SETTING = process.env.CHAOS === "long" ? 6 : 3;

interface Request {
  readonly class: string;
  readonly seed: number;
}

/** All that came of one setting: its images in order, and the first one asked for again. */
interface Outcome {
  readonly requests: readonly Request[];
  readonly answers: readonly Answer[];
  readonly again: Answer;
}

let manifest: Manifest;
let classifier: Classifier;
let marimba: Marimba;
let outcomes: Map<Setting, Outcome>;

/** Every setting has other classes and seeds. */
function requestsOf(setting: Setting): Request[] {
  const which = SETTINGS.indexOf(setting);
  return Array.from({ length: IMAGES_PER_SETTING }, (_, i) => {
    const seed = which * IMAGES_PER_SETTING + i;
    return { class: manifest.classes[seed % manifest.classes.length]!.name, seed };
  });
}

/** The whole sweep is sent at once, so that most batches mix settings, and the first of each again among the last. */
async function sweep(http: HttpClient): Promise<Map<Setting, Outcome>> {
  const send = (setting: Setting, request: Request) => http.image({ ...setting.changes, ...request });
  const sent = SETTINGS.map((setting) => {
    const requests = requestsOf(setting);
    return { setting, requests, answers: requests.map((request) => send(setting, request)) };
  });
  const again = [...sent].reverse().map(({ setting, requests }) => send(setting, requests[0]!));
  again.reverse();
  const outcomes = sent.map(async ({ setting, requests, answers }, i) => {
    return [setting, { requests, answers: await Promise.all(answers), again: await again[i]! }] as const;
  });
  return new Map(await Promise.all(outcomes));
}

beforeAll(async () => {
  manifest = await readManifest(MODELS, "demo");
  classifier = await openClassifier(join(MODELS, "demo", "classifier.onnx"));
  // The last answer comes when the whole sweep is done.
  const patience = { SYNC_TIMEOUT_S: "600" };
  marimba = new Marimba(["serve"], { MODELS_DIR: MODELS, MODELS: "demo", THREADS: "2", MAX_BATCH: "16", ...patience });
  await marimba.prints(/^Ready\./m);
  const http = new HttpClient(await marimba.address());
  outcomes = await sweep(http);
  http.close();
}, 600_000);

afterAll(async () => {
  marimba?.kill("SIGTERM");
  await marimba?.ended;
  await classifier?.close();
});

describe.each(SETTINGS.map((setting) => [describeSetting(setting), setting] as const))("with %s", (_, setting) => {
  const outcome = () => outcomes.get(setting)!;

  it("each answer is a PNG of the model's size that names what made it, and nothing else", async () => {
    const { image_width: width, image_height: height } = manifest.architecture.tokenizer;
    for (const [i, { body }] of outcome().answers.entries()) {
      const { class: className, seed } = outcome().requests[i]!;
      const { index } = manifest.classes.find(({ name }) => name === className)!;
      const parameters = { ...manifest.defaults, ...setting.changes, class: index, seed, image_index: 0 };
      const { data, info } = await sharp(body).raw().toBuffer({ resolveWithObject: true });
      expect(info).toMatchObject({ width, height, channels: 3 });
      expect(new Set(data).size).toBeGreaterThan(1);
      expect(readPngText(body)).toEqual({
        Software: "Marimba",
        model: "demo",
        model_hash: manifest.hash,
        class_name: className,
        ...Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)])),
      });
    }
  });

  it("the same request gives the same bytes", () => {
    const { answers, again } = outcome();
    expect(again.body.equals(answers[0]!.body)).toBe(true);
    expect(answers[1]!.body.equals(answers[0]!.body)).toBe(false);
  });

  it("the terms of Server-Timing add up to its total, which is nearly all that the client waited", () => {
    for (const { timing, ms } of outcome().answers) {
      const { total, ...terms } = timing;
      const names = ["queue", "batch_wait", "transformer", "diffusion", "decode", "encode"];
      expect(Object.keys(terms)).toEqual(names);
      const sum = Object.values(terms).reduce((a, b) => a + b);
      expect(Math.abs(sum - total!) / total!).toBeLessThan(0.05);
      for (const name of ["transformer", "diffusion", "decode", "encode"]) expect(terms[name]).toBeGreaterThan(0);
      expect(total).toBeLessThan(ms);
      expect(total! / ms).toBeGreaterThan(0.5);
    }
  });

  const { recognisedShare } = setting;
  if (recognisedShare === undefined) return;
  it("the classifier sees the classes that were asked for", async () => {
    const { requests, answers } = outcome();
    const { image_width: width, image_height: height } = manifest.architecture.tokenizer;
    const pixels = await Promise.all(answers.map(({ body }) => sharp(body).raw().toBuffer()));
    const seen = (await classifier.classify(pixels, width, height)).map((index) => manifest.classes[index]!.name);
    const asked = requests.map((request) => request.class);
    const recognised = seen.filter((name, i) => name === asked[i]).length;
    expect(recognised / asked.length, `asked for ${asked}, saw ${seen}`).toBeGreaterThanOrEqual(recognisedShare);
  });
});
