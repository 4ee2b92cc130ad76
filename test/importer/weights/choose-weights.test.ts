import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../../src/importer/checkpoint/open.js";
import { ImportError } from "../../../src/importer/error.js";
import { chooseWeights, type Network, type NetworkWeights } from "../../../src/importer/weights/choose-weights.js";
import { useTemporaryFolder, withCheckpoint, writeCheckpoint } from "../checkpoint/files.js";
import { p, pickledTensor, safetensors, torchZip, zip } from "../checkpoint/writers.js";

useTemporaryFolder();

/** What the pickle of a test file holds: dicts, lists, tensors of one number (their shape beside it), and raw pickle. */
type Value = Buffer | number | readonly [value: number, shape: readonly number[]] | Value[] | { [key: string]: Value };

/** Writes a PyTorch file; a number becomes a tensor [1] filled with it. */
class Writer {
  readonly storages: Record<string, Uint8Array> = {};

  pickle(value: Value): Buffer {
    if (Buffer.isBuffer(value)) return value;
    if (typeof value === "number") return this.tensor(value, [1]);
    if (Array.isArray(value) && Array.isArray(value[1]) && typeof value[0] === "number") {
      return this.tensor(value[0], value[1] as number[]);
    }
    if (Array.isArray(value)) {
      const items = value.flatMap((item) => [this.pickle(item as Value), p.append]);
      return Buffer.concat([p.emptyList, ...items]);
    }
    return p.dict(Object.entries(value as object).map(([key, inner]) => [key, this.pickle(inner)] as const));
  }

  tensor(value: number, shape: readonly number[]): Buffer {
    const elements = shape.reduce((a, b) => a * b, 1);
    const key = `${Object.keys(this.storages).length}`;
    this.storages[key] = Buffer.from(new Float32Array(elements).fill(value).buffer);
    return pickledTensor({ storage: "FloatStorage", key, elements, shape });
  }
}

function pth(value: Value): Buffer {
  const writer = new Writer();
  return zip(torchZip(p.whole(writer.pickle(value)), writer.storages));
}

function safe(value: Record<string, number>): Buffer {
  const tensor = (number: number) => ({ dtype: "F32", shape: [1], bytes: Buffer.from(Float32Array.of(number).buffer) });
  return safetensors(Object.fromEntries(Object.entries(value).map(([name, number]) => [name, tensor(number)])));
}

interface Taken {
  readonly key: string;
  readonly isAveraged: boolean;
  readonly values: Record<string, number>;
}

async function take(bytes: Buffer, choice?: string, network: Network = "generator"): Promise<Taken> {
  return withCheckpoint(bytes, async (checkpoint) => {
    const { key, isAveraged, tensors }: NetworkWeights = chooseWeights(checkpoint, network, choice);
    const values: Record<string, number> = {};
    for (const [name, entry] of tensors) {
      if (entry.problem === undefined) values[name] = (await checkpoint.readFloat32(entry))[0]!;
    }
    return { key, isAveraged, values };
  });
}

async function refusal(bytes: Buffer, choice?: string, network?: Network): Promise<string> {
  const error = await take(bytes, choice, network).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ImportError);
  const { message } = error as ImportError;
  expect(message).toMatch(/^\S+\/checkpoint-\d+ [^\n]+\.$/);
  return message.replace(/^\S+\/checkpoint-\d+ /, "");
}

/** A network of two tensors whose numbers say where they came from. */
const net = (first: number): { [key: string]: Value } => ({ mask_token: first, "z_proj.bias": first + 1 });
const values = (first: number) => ({ mask_token: first, "z_proj.bias": first + 1 });
const prefixed = (prefix: string, first: number) => ({
  [`${prefix}mask_token`]: first,
  [`${prefix}z_proj.bias`]: first + 1,
});

describe("averaged weights are taken wherever they lie", () => {
  test.each([
    "model_ema",
    "ema",
    "ema_state_dict",
    "state_dict_ema",
    "ema_model",
    "model_ema_state_dict",
    "params_ema",
    "ema_weights",
    "EMA",
    "swa_model",
    "averaged_model",
    "ema_0",
  ])("under %s, whatever comes first in the file", async (key) => {
    for (const file of [
      { model: net(1), [key]: net(5) },
      { [key]: net(5), state_dict: net(1), epoch: 3 },
    ]) {
      expect(await take(pth(file))).toEqual({ key, isAveraged: true, values: values(5) });
    }
  });

  test.each([
    ["a key below", { model: net(1), ema: { state_dict: net(5) } }, "ema.state_dict"],
    ["a key above", { checkpoint: { model: net(1), ema: net(5) } }, "checkpoint.ema"],
    [
      "ema_pytorch's two",
      { model: net(1), ema: { ...prefixed("online_model.", 3), ...prefixed("ema_model.", 5) } },
      "ema.ema_model",
    ],
    [
      "one state dict for both",
      { state_dict: { ...prefixed("model.", 1), ...prefixed("ema_model.", 5) } },
      "state_dict.ema_model",
    ],
    ["AveragedModel's counter", { model: net(1), other: { n_averaged: 9, ...prefixed("module.", 5) } }, "other"],
    ["shadow parameters", { model: net(1), ema: { decay: p.int(1), shadow_params: [5, 6] } }, "ema.shadow_params"],
  ] as [string, Value, string][])("with %s", async (_, file, key) => {
    expect(await take(pth(file))).toEqual({ key, isAveraged: true, values: values(5) });
  });

  test("a list of tensors in the order of the parameters, where number and shapes prove it", async () => {
    const model = { mask_token: [1, [1, 1, 3]], "class_emb.weight": [2, [4, 3]], "z_proj.bias": [3, [3]] } as const;
    const list: Value[] = [
      [7, [1, 1, 3]],
      [8, [4, 3]],
      [9, [3]],
    ];
    const file = { model: model as unknown as Value, model_ema: list, optimizer: p.emptyDict };
    expect(await take(pth(file))).toEqual({
      key: "model_ema",
      isAveraged: true,
      values: { mask_token: 7, "class_emb.weight": 8, "z_proj.bias": 9 },
    });
    const refused =
      'holds averaged weights that can\'t be used: "model_ema" is a list of 3 tensors, not those of the model. Import the trained ones with --weights raw.';
    expect(await refusal(pth({ ...file, model_ema: [list[1]!, list[0]!, list[2]!] }))).toBe(refused);
    expect(await refusal(pth({ ...file, model_ema: list.slice(1) }))).toContain("a list of 2 tensors");
    expect((await take(pth({ ...file, model_ema: list.slice(1) }), "raw")).values.mask_token).toBe(1);
  });

  test.each([
    ["an object of a class", Buffer.concat([p.global("ema", "EMA"), p.emptyTuple, p.newobj]), 'built with "ema.EMA"'],
    ["other tensors", { w: 5 } as Value, '"model_ema" holds no tensors of the model\'s names'],
    [
      "names without dots (LitEma)",
      { mask_tokenx: 5, z_projbias: 6 } as Value,
      "holds no tensors of the model's names",
    ],
  ])("%s under model_ema can't be used, and stops the import", async (_, value, reason) => {
    const file = pth({ model: net(1), model_ema: value });
    expect(await refusal(file)).toContain(reason);
    expect(await refusal(file)).toMatch(/^holds averaged weights that can't be used: .* with --weights raw\.$/);
    expect(await refusal(file, "ema")).toContain(reason);
    expect(await take(file, "raw")).toEqual({ key: "model", isAveraged: false, values: values(1) });
  });

  test("nor those of a state dict beside the trained ones", async () => {
    const names = { ...prefixed("model.", 1), "model_ema.mask_tokenx": 5, "model_ema.decay": 1 };
    expect(await refusal(safe(names))).toContain('"model_ema" holds no tensors of the model\'s names');
    expect(await refusal(pth({ state_dict: names }))).toContain('"state_dict.model_ema" holds no tensors');
    expect(await take(pth({ state_dict: names }), "raw")).toMatchObject({ key: "state_dict.model", values: values(1) });
  });

  test.each([
    ["nothing", p.none],
    ["an empty dict", p.emptyDict],
    ["a rate", p.int(1)],
    ["a rate as a tensor", [1, []] as Value],
    ["a rate of NumPy's", Buffer.concat([p.global("numpy._core.multiarray", "scalar"), p.emptyTuple, p.reduce])],
  ])("%s under ema is no reason to stop", async (_, value) => {
    expect(await take(pth({ model: net(1), ema: value }))).toMatchObject({ key: "model", values: values(1) });
  });
});

describe("weights under other keys and prefixes", () => {
  test.each(["model", "state_dict", "model_state_dict", "module", "params", "net", "checkpoint"])("%s", async (key) => {
    const file = { [key]: net(1), optimizer: { state: [{ exp_avg: 9 }] }, epoch: p.int(3) };
    expect(await take(pth(file))).toEqual({ key, isAveraged: false, values: values(1) });
  });

  test.each([
    "",
    "module.",
    "model.",
    "_orig_mod.",
    "_orig_mod.module.",
    "module._orig_mod.",
    "model._orig_mod.",
    "model.module._orig_mod.",
    "_fsdp_wrapped_module.",
    "mar.",
  ])("the prefix %j, in both containers", async (prefix) => {
    const names = prefixed(prefix, 1);
    for (const file of [safe(names), pth(names), pth({ model: names }), pth({ state_dict: { ...names } })]) {
      expect((await take(file)).values).toEqual(values(1));
    }
  });

  test("inside a name", async () => {
    const names = { mask_token: 1, "z_proj._orig_mod.bias": 2 };
    for (const file of [safe(names), pth(names)]) expect((await take(file)).values).toEqual(values(1));
  });

  test("a tokenizer inside a larger model, and what lies beside it", async () => {
    const names = {
      "first_stage_model.decoder.conv_in.weight": 1,
      "first_stage_model.loss.logvar": 2,
      "model.diffusion_model.out.weight": 3,
    };
    for (const file of [safe(names), pth({ state_dict: names })]) {
      expect((await take(file, undefined, "tokenizer")).values).toEqual({
        "decoder.conv_in.weight": 1,
        "loss.logvar": 2,
      });
    }
  });

  test("a tokenizer beside LitEma's copies, which latent diffusion does not load", async () => {
    const names = { "decoder.conv_in.weight": 1, "model_ema.decoderconv_inweight": 9, "model_ema.num_updates": 3 };
    for (const file of [safe(names), pth({ state_dict: names })])
      expect((await take(file, undefined, "tokenizer")).values).toEqual({ "decoder.conv_in.weight": 1 });
  });

  test("a name that two tensors would have is given to neither's wrapper", async () => {
    const names = { mask_token: 1, "z_proj.bias": 2, "module.z_proj.bias": 9 };
    expect((await take(safe(names))).values).toEqual({ ...names });
  });
});

describe("the choice", () => {
  const file = () => pth({ model: net(1), model_ema: net(5), best: net(7) });
  test.each([
    ["ema", "model_ema", 5],
    ["model", "model", 1],
    ["best", "best", 7],
    ["model_ema", "model_ema", 5],
  ])("%s takes %s", async (choice, key, first) => {
    expect(await take(file(), choice)).toMatchObject({ key, values: values(first) });
  });

  test("several places that could be meant are named", async () => {
    expect(await refusal(file(), "raw")).toBe(
      'has raw weights of the generator in several places: under "model"; under "best". Choose with --weights KEY.',
    );
    expect(await refusal(pth({ ema_1: net(1), ema_2: net(2) }))).toContain('under "ema_1"; under "ema_2". Choose with');
    expect(await refusal(pth({ ...net(1), other: net(2) }))).toContain('at its top; under "other". Choose');
  });

  test("what is not there is refused with what is", async () => {
    expect(await refusal(file(), "nothing")).toBe(
      'has no weights under "nothing" of the generator, only weights under "model"; under "model_ema"; under "best".',
    );
    expect(await refusal(pth({ model: net(1) }), "ema")).toBe(
      'has no averaged weights of the generator, only weights under "model".',
    );
    expect(await refusal(pth({ ema: net(1) }), "raw")).toContain(
      'no raw weights of the generator, only weights under "ema"',
    );
  });

  test("no network at all: the keys that are there are named", async () => {
    expect(await refusal(pth({ encoder: { w: 1 }, epoch: p.int(1) }))).toBe(
      'holds no generator: no tensor\'s name is or ends in mask_token or y_embedder.embedding_table.weight or tok_embeddings.weight or target_pos_embed_learned. The file has "encoder"; "epoch".',
    );
    expect(await refusal(safe({ w: 1 }))).toContain('The file has "w".');
    expect(await refusal(pth({}))).toContain("The file is empty.");
  });

  test("files in each other's place", async () => {
    const tokenizer = { "model.decoder.conv_in.weight": 1 };
    expect(await refusal(safe(tokenizer))).toContain("holds a tokenizer, not a generator; --generator takes");
    expect(await refusal(safe(net(1) as Record<string, number>), undefined, "tokenizer")).toContain(
      "holds a generator, not",
    );
  });

  test("more networks than are told apart", async () => {
    const names = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`${i}.mask_token`, 1]));
    expect(await refusal(safe(names))).toContain("more than 16 networks");
  });
});

describe("files that PyTorch wrote (../checkpoint/torch/make.py)", () => {
  const open = (name: string) => openCheckpoint(`${import.meta.dirname}/../checkpoint/torch/${name}`);

  test("torch.compile's names, and AveragedModel's", async () => {
    const checkpoint = await open("averaged-model.pth");
    const names = ["mask_token", "class_emb.weight", "z_proj.weight", "z_proj.bias"];
    const averaged = chooseWeights(checkpoint, "generator");
    const raw = chooseWeights(checkpoint, "generator", "raw");
    expect([averaged.key, raw.key]).toEqual(["averaged", "model"]);
    for (const { tensors } of [averaged, raw]) expect([...tensors.keys()]).toEqual(names);
    // The first update copies what was trained.
    for (const name of names) {
      expect(await checkpoint.readFloat32(averaged.tensors.get(name)!)).toEqual(
        await checkpoint.readFloat32(raw.tensors.get(name)!),
      );
    }
    await checkpoint.close();
  });

  test("a list of averaged parameters: each is 5 more than the trained one", async () => {
    const checkpoint = await open("ema-list.pth");
    const averaged = chooseWeights(checkpoint, "generator");
    const raw = chooseWeights(checkpoint, "generator", "raw");
    expect([averaged.key, raw.key]).toEqual(["model_ema", "model"]);
    for (const [name, entry] of raw.tensors) {
      const trained = await checkpoint.readFloat32(entry);
      const found = await checkpoint.readFloat32(averaged.tensors.get(name)!);
      found.forEach((value, i) => void expect(value - trained[i]!).toBeCloseTo(5, 5));
    }
    await checkpoint.close();
  });

  test("a module pickled whole is named, and never made", async () => {
    const checkpoint = await open("ema-module.pth");
    expect(() => chooseWeights(checkpoint, "generator")).toThrow('"__main__.Generator", which is not known here');
    expect(chooseWeights(checkpoint, "generator", "raw").tensors.size).toBe(4);
    await checkpoint.close();
  });
});

test("a choice leads to one network where a key holds several", async () => {
  const path = await writeCheckpoint(pth({ ema: { ...prefixed("online_model.", 3), ...prefixed("ema_model.", 5) } }));
  const checkpoint = await openCheckpoint(path);
  expect(chooseWeights(checkpoint, "generator", "ema.online_model").isAveraged).toBe(false);
  expect(chooseWeights(checkpoint, "generator").key).toBe("ema.ema_model");
  await checkpoint.close();
});
