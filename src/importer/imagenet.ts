import { readFile } from "node:fs/promises";

export const IMAGENET_CLASSES = 1000;

/**
 * The classes of ILSVRC 2012 in the order of their synset ids, which is that of the published models' class embedding:
 * folders sorted by name (torchvision's ImageFolder in main_mar.py of the reference). Names are WordNet 3.0's lemmas,
 * taken from timm 0.9.12 (timm/data/_info) and compared with torchvision 0.28.0 (models/_meta.py).
 */
export async function readImagenetClasses(): Promise<{ id: string; name: string }[]> {
  const names = JSON.parse(await readFile(new URL("./data/imagenet.json", import.meta.url), "utf8")) as Record<
    string,
    string
  >;
  return Object.entries(names).map(([id, name]) => ({ id, name }));
}
