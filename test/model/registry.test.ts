import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Value from "typebox/value";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkManifest, loadRegistry } from "../../src/model/registry.js";
import { exampleManifest } from "./example-manifest.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "marimba-registry-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function addModel(name: string, content: unknown): Promise<string> {
  await mkdir(join(folder, name));
  const path = join(folder, name, "model.json");
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

describe("loadRegistry", () => {
  it("takes every folder, demo first", async () => {
    for (const name of ["mar-b", "demo", "a"]) await addModel(name, exampleManifest(name));
    await writeFile(join(folder, "notes.txt"), "no model");
    await mkdir(join(folder, ".importing-x"));
    const models = await loadRegistry([folder]);
    expect(models.default).toBe("demo");
    expect(models.list().map(({ name }) => name)).toEqual(["demo", "a", "mar-b"]);
    expect(models.get("mar-b")?.name).toBe("mar-b");
    expect(models.get("toString")).toBeUndefined();
  });

  it("takes the named ones only, the first as default", async () => {
    for (const name of ["demo", "b", "broken"]) await addModel(name, name === "broken" ? "{" : exampleManifest(name));
    const models = await loadRegistry([folder], ["b", "demo"]);
    expect(models.default).toBe("b");
    expect(models.list()).toHaveLength(2);
  });

  it("reads what version 0.2.0 measured", async () => {
    const manifest = exampleManifest();
    const quality = { frechet_distance: 0.3, pictures: 480 };
    await addModel("demo", { ...manifest, presets: { own: { description: "Ours.", parameters: {}, quality } } });
    const models = await loadRegistry([folder]);
    expect(models.get("demo")?.presets.own?.quality).toEqual({ frechet_distance: 0.3, images: 480 });
  });

  it("says which folder is missing or empty", async () => {
    await expect(loadRegistry([join(folder, "none")])).rejects.toThrow(
      /models folder .*none can't be read: there is no such file or folder;/,
    );
    await expect(loadRegistry([folder])).rejects.toThrow(/no model in .*marimba import/);
  });

  it("passes over a folder without a manifest, and says so", async () => {
    await addModel("demo", exampleManifest());
    await mkdir(join(folder, "notes"));
    await symlink("nowhere", join(folder, "latest"));
    const warnings: string[] = [];
    const models = await loadRegistry([folder], undefined, (sentence) => warnings.push(sentence));
    expect(models.list().map(({ name }) => name)).toEqual(["demo"]);
    expect(warnings.sort()).toEqual([
      `${join(folder, "latest")} has no model.json: it is passed over.`,
      `${join(folder, "notes")} has no model.json: it is passed over.`,
    ]);
  });

  it("says how to go on without a model whose manifest is broken", async () => {
    await addModel("demo", exampleManifest());
    await addModel("broken", "{");
    await expect(loadRegistry([folder])).rejects.toThrow(/or name the models to serve in MODELS\.$/);
    await expect(loadRegistry([folder], ["broken"])).rejects.toThrow(/is not JSON: [^\n]*$/);
  });

  it.each(["x", "../demo", "notes"])("lists the models there are when %s is none of them", async (name) => {
    for (const model of ["b", "demo"]) await addModel(model, exampleManifest(model));
    await mkdir(join(folder, "notes"));
    await expect(loadRegistry([folder], ["b", name])).rejects.toThrow(
      `There is no model "${name}" in ${folder}; there are demo, b.`,
    );
  });

  it("names the file and every field of a broken manifest", async () => {
    const { defaults, ...rest } = exampleManifest();
    const path = await addModel("demo", { ...rest, precision: "fp8", extra: 1 });
    const error = await loadRegistry([folder]).catch((e: Error) => e);
    expect(String(error)).toContain(path);
    expect(String(error)).toMatch(/\/precision must be "fp32" or "fp16" or "int8", not "fp8"/);
    expect(String(error)).toMatch(/\/extra is not a known field/);
    expect(String(error)).toMatch(/\/defaults is required/);
    expect(defaults).toBeDefined();
  });

  it("refuses sampling parameters that there are not, and suggests those that were meant", async () => {
    const { defaults, presets, ...rest } = exampleManifest();
    const parameters = { step: 4, class: 0 };
    await addModel("demo", {
      ...rest,
      defaults: { ...defaults, guidance_scal: 2 },
      presets: { ...presets, wrong: { description: "Wrong.", parameters } },
    });
    const error = String(await loadRegistry([folder]).catch((e: Error) => e));
    expect(error).toContain("/defaults/guidance_scal is not a known field; did you mean guidance_scale");
    expect(error).toContain("/presets/wrong/parameters/step is not a known field; did you mean steps or ");
    expect(error).toContain("/presets/wrong/parameters/class is not a known field; the known fields are steps,");
  });

  it("names a model by its folder, which may be a copy or a link", async () => {
    for (const name of ["mar-b", "copy"]) await addModel(name, exampleManifest("mar-b"));
    await symlink("mar-b", join(folder, "linked"));
    const models = await loadRegistry([folder]);
    expect(models.list().map(({ name }) => name)).toEqual(["copy", "linked", "mar-b"]);
    expect(models.get("linked")).toEqual({ ...models.get("mar-b"), name: "linked" });
  });

  it("refuses a folder whose name can't be a model's", async () => {
    await addModel("My model", exampleManifest());
    await expect(loadRegistry([folder])).rejects.toThrow(
      /\/name is the folder's name, "My model", which must be lower-case letters/,
    );
  });

  it("refuses what is not JSON, or too large", async () => {
    const notJson = await addModel("demo", "{");
    await expect(loadRegistry([folder])).rejects.toThrow(`${notJson} is not JSON`);
    await truncate(notJson, 65 * 1024 * 1024);
    await expect(loadRegistry([folder])).rejects.toThrow(/has 68157440 bytes; a manifest has at most/);
  });
});

describe("checkManifest", () => {
  it("accepts the example", () => {
    expect(checkManifest(exampleManifest())).toEqual([]);
  });

  it.each([
    ["/architecture/generator/token_count", 17],
    ["/architecture/generator/token_channels", 4],
    ["/architecture/tokenizer/latent_channels", 3],
    ["/architecture/tokenizer/latent_height", 4],
    ["/architecture/tokenizer/latent_width", 4],
    ["/classes", exampleManifest().classes.slice(0, 3)],
    ["/classes/1/index", 2],
    ["/defaults/steps", 17],
    ["/presets/best/parameters/steps", 17],
    ["/default_preset", "toString"],
  ])("finds a mistake at %s", (pointer, value) => {
    const manifest = exampleManifest();
    Value.Pointer.Set(manifest, pointer, value);
    expect(checkManifest(manifest).map((error) => error.pointer)).toEqual([pointer]);
  });

  it("refuses a consistency decoder on other latents than KL-8's", () => {
    const manifest = exampleManifest();
    const decoder = { kind: "consistency", channels: [32], blocks: 1, norm_groups: 32, norm_eps: 1e-5, clamp: true };
    Value.Pointer.Set(manifest, "/architecture/decoder", decoder);
    Value.Pointer.Set(manifest, "/architecture/tokenizer/kind", "vq");
    expect(checkManifest(manifest).map((error) => error.pointer)).toEqual(["/architecture/decoder"]);
  });
});
