import { describe, expect, it } from "vitest";
import { usePlayground } from "./playground.js";
import { MOST_BYTES, useBrowser, weigh } from "./visitor.js";

const service = usePlayground();
const browser = useBrowser();

describe("the first load", () => {
  it("weighs less than 200 KB, headers too, and comes from this server alone", async () => {
    const files = await weigh(await browser.visit(service.address));
    const paths = files.map(({ url }) => url.pathname);
    for (const path of ["/", "/playground/main.js", "/playground/samples/demo", "/models/demo/classes"])
      expect(paths).toContain(path);
    expect(new Set(files.map(({ url }) => url.origin))).toEqual(new Set([service.address]));
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThan(MOST_BYTES);
  });

  it("loads no module twice, and none that the page does not name beforehand", async () => {
    const paths = (await weigh(await browser.visit(service.address)))
      .map(({ url }) => url.pathname)
      .filter((path) => path.endsWith(".js"));
    expect(paths.length).toBeGreaterThan(20);
    expect(new Set(paths).size).toBe(paths.length);
    const html = await (await fetch(service.address)).text();
    for (const path of paths) expect(html).toContain(`"${path}"`);
  });
});
