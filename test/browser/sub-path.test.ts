import { describe, expect, it, onTestFinished } from "vitest";
import { startProxy } from "../proxies/documented-proxy.js";
import { usePlayground } from "./playground.js";
import { dialog, generateButton, imageOf, seedBox } from "./visitor.js";

describe.each([
  ["with PUBLIC_PATH", { PUBLIC_PATH: "/marimba", TRUST_PROXY: "127.0.0.1" }],
  ["without a setting", {}],
])("behind nginx that serves it under a path, %s, the page", (_, environment) => {
  const service = usePlayground(environment);

  it("loads all its files, generates, and shows programs with its address", async () => {
    const { address, stop } = await startProxy("nginx", service.address);
    onTestFinished(stop);
    const { page, complaints, requests } = await service.browser.visit(address);
    await page.getByRole("radio", { name: "heart" }).check();
    await page.getByRole("radio", { name: "fast" }).check();
    await seedBox(page).fill("7");
    await generateButton(page).click();
    await imageOf(page, "heart", 7);
    await page.locator("#tiles").getByRole("button").click();
    expect(await dialog(page).getByRole("tabpanel").textContent()).toContain(`${address}/generate`);
    expect(complaints).toEqual([]);
    for (const request of requests.slice(1))
      expect(request).toMatch(new RegExp(`^(GET|POST) (${address}/|data:|blob:)`));
  });
});

describe("behind nginx that serves it under a path, Swagger UI", () => {
  const service = usePlayground({ PUBLIC_PATH: "/marimba", TRUST_PROXY: "127.0.0.1" });

  it("lists the calls, and sends them to the path", async () => {
    const { address, stop } = await startProxy("nginx", service.address);
    onTestFinished(stop);
    const { page, complaints } = await service.browser.visit(address);
    await page.getByRole("link", { name: "API", exact: true }).click();
    await page.getByText("Whether the process is alive").click();
    await page.getByRole("button", { name: "Try it out" }).click();
    const sent = page.waitForResponse(`${address}/health/live`);
    await page.getByRole("button", { name: "Execute" }).click();
    expect((await sent).status()).toBe(200);
    expect(complaints).toEqual([]);
  });
});
