import { describe, expect, it } from "vitest";
import { usePlayground } from "./playground.js";
import { useBrowser } from "./visitor.js";

const service = usePlayground();
const browser = useBrowser();
const MOST_BYTES = 200_000;

/** What a browser that has never been here is sent until the form is there and all is quiet. */
async function firstLoad() {
  const { page, responses } = await browser.visit(service.address);
  await page.waitForLoadState("networkidle");
  const sent = responses.filter((response) => !/^(data|blob):/.test(response.url()));
  return Promise.all(
    sent.map(async (response) => {
      const { responseBodySize, responseHeadersSize } = await response.request().sizes();
      return { url: new URL(response.url()), bytes: responseBodySize + responseHeadersSize };
    }),
  );
}

describe("the first load", () => {
  it("weighs less than 200 KB, headers too, and comes from this server alone", async () => {
    const files = await firstLoad();
    const paths = files.map(({ url }) => url.pathname);
    for (const path of ["/", "/playground/main.js", "/playground/samples/demo", "/models/demo/classes"])
      expect(paths).toContain(path);
    expect(new Set(files.map(({ url }) => url.origin))).toEqual(new Set([service.address]));
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThan(MOST_BYTES);
  });

  it("loads no module twice, and none that the page does not name beforehand", async () => {
    const paths = (await firstLoad()).map(({ url }) => url.pathname).filter((path) => path.endsWith(".js"));
    expect(paths.length).toBeGreaterThan(20);
    expect(new Set(paths).size).toBe(paths.length);
    const html = await (await fetch(service.address)).text();
    for (const path of paths) expect(html).toContain(`"${path}"`);
  });
});
