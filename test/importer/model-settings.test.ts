import { expect, test } from "vitest";
import { nameClasses, readImagenetClasses } from "../../src/importer/model-settings.js";
import { findClass } from "../../src/model/find-class.js";
import type { Manifest } from "../../src/model/manifest.js";

test("ImageNet's thousand classes, in the order of their synset ids", async () => {
  const classes = await readImagenetClasses();
  const ids = classes.map(({ id }) => id);
  expect(classes).toHaveLength(1000);
  expect(ids).toEqual([...new Set(ids)].sort());
  for (const { id } of classes) expect(id).toMatch(/^n\d{8}$/);
  // The indices that the authors' notebook shows, and the ends.
  for (const [index, id, name] of [
    [0, "n01440764", "tench, Tinca tinca"],
    [207, "n02099601", "golden retriever"],
    [360, "n02444819", "otter"],
    [387, "n02509815", "lesser panda, red panda, panda, bear cat, cat bear, Ailurus fulgens"],
    [974, "n09288635", "geyser"],
    [88, "n01818515", "macaw"],
    [979, "n09468604", "valley, vale"],
    [417, "n02782093", "balloon"],
    [279, "n02120079", "Arctic fox, white fox, Alopex lagopus"],
    [999, "n15075141", "toilet tissue, toilet paper, bathroom tissue"],
  ] as const)
    expect(classes[index]).toEqual({ id, name });
});

test("name the classes of a published model that brings no names, and of no other", async () => {
  const named = await nameClasses(undefined, "mar-l", 1000);
  expect(named[1]).toEqual({ index: 1, id: "n01443537", name: "goldfish, Carassius auratus" });
  expect((await nameClasses(undefined, "mar-l", 10))[9]).toEqual({ index: 9, name: "class 9" });
  expect((await nameClasses(undefined, undefined, 1000))[9]).toEqual({ index: 9, name: "class 9" });
  expect(await nameClasses(["a", "b"], "mar-l", 2)).toEqual([
    { index: 0, name: "a" },
    { index: 1, name: "b" },
  ]);
  const manifest = { classes: named } as unknown as Manifest;
  const found = (asked: string) => findClass(manifest, asked);
  expect(found("red panda")).toMatchObject({ kind: "found", class: { index: 387 } });
  expect(found("n02123159")).toMatchObject({ kind: "found", class: { name: "tiger cat" } });
  expect(found("crane")).toMatchObject({ kind: "ambiguous", classes: [{ index: 134 }, { index: 517 }] });
});
